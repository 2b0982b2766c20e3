// A box around something: the server answers with its mask, which becomes a new instance.

import { emptyInstance } from "./actions.js";
import { setMarks } from "./stage.js";
import { app, changed } from "./state.js";
import { drawLine, Tool } from "./tool.js";
import { askForMask } from "./tool_scribble.js";

const LEAST = 4; // pixels a side must have

export class BoxTool extends Tool {
  drags = true;

  down(point) {
    this.box = { from: point, to: point };
  }

  move(point) {
    if (!this.box) return;
    this.box.to = point;
    setMarks((context, view) => this.draw(context, view));
  }

  async up(point) {
    if (!this.box) return;
    const { from } = this.box;
    this.cancel();
    const [y0, x0] = app.session.pointToServer({ x: Math.min(from.x, point.x), y: Math.min(from.y, point.y) });
    const [y1, x1] = app.session.pointToServer({ x: Math.max(from.x, point.x), y: Math.max(from.y, point.y) });
    if (y1 - y0 < LEAST || x1 - x0 < LEAST) return;
    const { target } = app.session.annotation;
    const about = target && !target.bitmap.height ? target : emptyInstance();
    const request = { on: [], off: [], box: [y0, x0, y1 + 1, x1 + 1], within: null };
    try {
      await askForMask(app.session, request, about, app.take !== point.shift);
    } catch (error) {
      changed("failed", error);
    }
  }

  cancel() {
    this.box = null;
    setMarks((context, view) => this.draw(context, view));
  }

  draw(context, { scale }) {
    if (!this.box) return;
    const { from, to } = this.box;
    const path = new Path2D();
    path.rect(from.x, from.y, to.x - from.x, to.y - from.y);
    drawLine(context, path, 1 / scale, "#fff", [6, 4]);
  }
}
