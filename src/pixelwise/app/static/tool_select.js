// Select an instance, or drag the photo. As "merge", the next instance joins the selected one.

import { mergeInto, nameOf, select, toggleSelected } from "./actions.js";
import { hideName, showName } from "./hints.js";
import { panBy, setPreview } from "./stage.js";
import { app, changed } from "./state.js";
import { t } from "./strings.js";
import { pixelAt, Tool } from "./tool.js";

const SLACK = 4; // CSS px a press may move and still be a click

export function instanceAt(point) {
  const pixel = pixelAt(point, app.session.size);
  const found = pixel && app.session.annotation.at(pixel.y, pixel.x);
  return found && !app.hiddenInstances.has(found.id) && !app.hiddenClasses.has(found.classId) ? found : null;
}

export class SelectTool extends Tool {
  drags = false;

  constructor(merges = false) {
    super();
    this.merges = merges;
    this.pressed = null;
  }

  down(point) {
    this.pressed = { start: point.stage, last: point.stage, moved: false };
  }

  move(point) {
    if (!this.pressed) return;
    const { start, last } = this.pressed;
    if (Math.hypot(point.stage.x - start.x, point.stage.y - start.y) > SLACK) this.pressed.moved = true;
    if (!this.pressed.moved) return;
    hideName();
    panBy(point.stage.x - last.x, point.stage.y - last.y);
    this.pressed.last = point.stage;
  }

  up(point) {
    const clicked = this.pressed && !this.pressed.moved;
    this.pressed = null;
    if (!clicked) return;
    const instance = instanceAt(point);
    const { target } = app.session.annotation;
    if (this.merges) {
      if (instance && target && instance !== target) mergeInto(instance.id);
      changed("use-tool", "select");
    } else if (instance && point.shift) toggleSelected(instance.id);
    else select(instance ? [instance.id] : []);
  }

  cancel() {
    this.pressed = null;
  }

  hover(point) {
    const instance = instanceAt(point);
    const { target } = app.session.annotation;
    const joins = this.merges && target && instance && instance !== target;
    setPreview(instance && instance !== target ? { bitmap: instance.bitmap, kind: joins ? "add" : "select" } : null);
    if (!instance) return this.leave();
    const text = joins ? t("joins", { name: nameOf(instance), target: nameOf(target) }) : nameOf(instance);
    return showName(point.stage, text, instance);
  }

  leave() {
    setPreview(null);
    hideName();
  }
}
