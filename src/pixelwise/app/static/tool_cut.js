// Cut an instance in two along a line that is drawn across it.

import { splitInto } from "./actions.js";
import { cutAlong } from "./edits.js";
import { setMarks } from "./stage.js";
import { app, changed } from "./state.js";
import { t } from "./strings.js";
import { drawLine, pathThrough, Tool } from "./tool.js";
import { instanceAt } from "./tool_select.js";

export class CutTool extends Tool {
  drags = true;

  down(point) {
    this.points = [point];
  }

  move(point) {
    if (!this.points) return;
    this.points.push(point);
    setMarks((context, view) => this.draw(context, view));
  }

  up(point) {
    if (!this.points) return;
    const points = [...this.points, point];
    this.cancel();
    const target = app.session.annotation.target ?? mostCrossed(points);
    if (!target) return changed("notice", t("cut_nothing"));
    const parts = cutAlong(target.bitmap, points, app.session.size);
    if (parts.length < 2) return changed("notice", t("cut_across"));
    return splitInto(target, parts);
  }

  cancel() {
    this.points = null;
    setMarks((context, view) => this.draw(context, view));
  }

  draw(context, { scale }) {
    if (this.points) drawLine(context, pathThrough(this.points), 1 / scale, "#fff", [5, 3]);
  }
}

function mostCrossed(points) {
  const counts = new Map();
  for (const point of points) {
    const instance = instanceAt(point);
    if (instance) counts.set(instance, (counts.get(instance) ?? 0) + 1);
  }
  return [...counts].sort((a, b) => b[1] - a[1])[0]?.[0] ?? null;
}
