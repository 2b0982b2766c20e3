// Brush and eraser. The brush paints the selected instance and leaves its neighbours alone, unless
// it is told to take from them; a stroke is one step of undo.

import { apply, emptyInstance, nameOf, select } from "./actions.js";
import { alongStroke, frameAround, strokeFrame } from "./bitmap.js";
import { added, masked } from "./edits.js";
import { hideName, showName } from "./hints.js";
import { redraw } from "./stage.js";
import { app, changed, classOf } from "./state.js";
import { className, t } from "./strings.js";
import { drawLine, Tool } from "./tool.js";
import { instanceAt } from "./tool_select.js";

const ROOM = 64; // pixels a growing bitmap gets around it, so that it does not grow at each move

export class BrushTool extends Tool {
  drags = true;

  constructor(erases) {
    super();
    this.erases = erases;
    this.at = null;
    this.stroke = null;
  }

  down(point) {
    const { annotation } = app.session;
    const before = annotation.instances;
    let { target } = annotation;
    if (!target && this.erases) target = instanceAt(point);
    if (!target && this.erases) return;
    target ??= emptyInstance();
    const all = annotation.byId.has(target.id) ? before : added(before, target);
    this.stroke = {
      before, all, target, bitmap: target.bitmap.framed(target.bitmap), last: point,
      take: !this.erases && app.take !== point.shift,
    };
    this.#paint(point);
  }

  move(point) {
    this.at = point;
    if (this.stroke) this.#paint(point);
    redraw();
  }

  #paint(point) {
    const { stroke } = this;
    const { size, annotation } = app.session;
    const frame = strokeFrame(stroke.last, point, app.radius, size);
    if (!this.erases) this.#makeRoom(frame, size);
    const { bitmap, target, take } = stroke;
    alongStroke(stroke.last, point, app.radius, frame, (y, x) => {
      const owner = annotation.owner[y * size[1] + x];
      if (this.erases ? !bitmap.has(y, x) : !take && owner !== 0 && owner !== target.id) return;
      bitmap.data[(y - bitmap.top) * bitmap.width + x - bitmap.left] = this.erases ? 0 : 1;
    });
    stroke.last = point;
    // Last in the list is on top: what is painted is seen while it is painted.
    const others = stroke.all.filter((instance) => instance.id !== target.id);
    annotation.show([...others, { ...target, bitmap }], frame);
    annotation.select([target.id]);
    changed("annotation", frame);
  }

  #makeRoom(frame, [height, width]) {
    const { bitmap } = this.stroke;
    const held = bitmap.height && frame.top >= bitmap.top && frame.left >= bitmap.left
      && frame.bottom <= bitmap.bottom && frame.right <= bitmap.right;
    if (held) return;
    const { top, left, bottom, right } = frameAround(bitmap, frame);
    this.stroke.bitmap = bitmap.framed({
      top: Math.max(0, top - ROOM),
      left: Math.max(0, left - ROOM),
      bottom: Math.min(height, bottom + ROOM),
      right: Math.min(width, right + ROOM),
    });
  }

  up() {
    const { stroke } = this;
    if (!stroke) return;
    this.stroke = null;
    const { annotation } = app.session;
    const bitmap = stroke.bitmap.trimmed();
    if (bitmap.area() === stroke.target.bitmap.area()) {
      changed("annotation", annotation.show(stroke.before));
    } else apply(masked(stroke.all, stroke.target.id, bitmap, stroke.take), stroke.before);
    if (annotation.byId.has(stroke.target.id)) select([stroke.target.id]);
  }

  cancel() {
    if (!this.stroke) return;
    const { before } = this.stroke;
    this.stroke = null;
    changed("annotation", app.session.annotation.show(before));
    changed("selection");
  }

  hover(point) {
    this.at = point;
    const { target } = app.session.annotation;
    const name = target ? nameOf(target) : className(classOf(app.newClass).name);
    if (this.erases) hideName();
    else if (!target) showName(point.stage, t("region_new", { name }), null);
    else hideName();
    redraw();
  }

  leave() {
    this.at = null;
    hideName();
    redraw();
  }

  wheel(amount) {
    changed("set-radius", app.radius * Math.exp(-amount / 500));
    redraw();
    return true;
  }

  draw(context, { scale }) {
    if (!this.at) return;
    const path = new Path2D();
    path.arc(this.at.x, this.at.y, Math.max(app.radius, 0.5), 0, 2 * Math.PI);
    drawLine(context, path, 1 / scale, this.erases ? "#ffb4a8" : "#fff");
  }
}
