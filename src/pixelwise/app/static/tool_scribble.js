// Some strokes on, some off: the server answers with the mask they mean.

import * as api from "./api.js";
import { apply, emptyInstance, select } from "./actions.js";
import { added, masked, unclaimed } from "./edits.js";
import { setMarks } from "./stage.js";
import { app, changed, on } from "./state.js";
import { t } from "./strings.js";
import { drawLine, pathThrough, Tool } from "./tool.js";

const MOST_POINTS = 48; // sent of one stroke
const COLOURS = { on: "#7be495", off: "#ff8a75" };

/** Ask for a mask, and give it to an instance; `still` says whether the answer is still wanted. */
export async function askForMask(session, request, target, take, still = () => true) {
  const { rle } = await api.segment(session.id, request);
  if (!still() || app.session !== session) return null;
  const { annotation } = session;
  const before = annotation.instances;
  const instance = annotation.byId.get(target.id) ?? target;
  const all = annotation.byId.has(target.id) ? before : added(before, target);
  const answer = session.fromServer(rle);
  const bitmap = take ? answer : unclaimed(annotation, instance.id, answer);
  // A new instance without a pixel is none.
  if (!bitmap.height && all !== before) return changed("notice", t("nothing_there"));
  apply(masked(all, instance.id, bitmap, take), before);
  return select([instance.id]);
}

export class ScribbleTool extends Tool {
  drags = true;

  constructor() {
    super();
    this.clear();
    // What undo took back must not come again with the next stroke.
    on("undone photo", () => this.clear());
  }

  /** Forget the strokes so far: the next ones are about another instance. */
  clear() {
    this.strokes = [];
    this.current = null;
    this.about = null;
    this.asked = (this.asked ?? 0) + 1;
  }

  start() {
    this.clear();
  }

  down(point) {
    const { target } = app.session.annotation;
    if (!this.about || target?.id !== this.about.id) {
      this.clear();
      this.about = target ?? emptyInstance();
      this.prior = target?.bitmap.height ? app.session.toServer(target.bitmap) : null;
    }
    this.take = app.take !== point.shift;
    this.current = { kind: app.off !== point.alternate ? "off" : "on", points: [point] };
    this.strokes.push(this.current);
    setMarks((context, view) => this.draw(context, view));
  }

  move(point) {
    if (!this.current) return;
    this.current.points.push(point);
    setMarks((context, view) => this.draw(context, view));
  }

  async up() {
    if (!this.current) return;
    this.current = null;
    const asked = ++this.asked;
    const points = (kind) => this.strokes.filter((stroke) => stroke.kind === kind).flatMap((stroke) =>
      sampled(stroke.points).map((point) => app.session.pointToServer(point)));
    const request = { on: points("on"), off: points("off"), box: null, within: this.prior };
    try {
      await askForMask(app.session, request, this.about, this.take, () => asked === this.asked);
    } catch (error) {
      this.strokes.pop();
      changed("failed", error);
    }
  }

  cancel() {
    if (this.current) this.strokes.pop();
    else this.clear();
    this.current = null;
  }

  draw(context, { scale }) {
    for (const { kind, points } of this.strokes) {
      const dot = points.length > 1 ? points : [points[0], { x: points[0].x + 0.01, y: points[0].y }];
      drawLine(context, pathThrough(dot), 2 / scale, COLOURS[kind]);
    }
  }
}

function sampled(points) {
  const step = Math.max(1, Math.ceil(points.length / MOST_POINTS));
  return points.filter((_, i) => i % step === 0);
}
