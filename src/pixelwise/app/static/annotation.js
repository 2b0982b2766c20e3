// The instances of one photo, and every edit of them. Instances are the model: each has its own
// bitmap, and what is shown is painted from them. An edit replaces the list, so that undo and redo
// go back and forth between lists.

import { Bitmap, frameAround, overlapOf } from "./bitmap.js";

const MOST_STEPS = 200;
const MOST_BYTES = 128 << 20;

/** Instance = {id: 1..65535, classId, score: 0..1 or null, bitmap}; its fields are not changed. */
export class Annotation {
  /** @param {number[]} size [height, width] */
  constructor(size, instances) {
    this.size = size;
    this.owner = new Uint16Array(size[0] * size[1]);
    this.instances = [];
    this.byId = new Map();
    this.selection = [];
    this.past = [];
    this.future = [];
    this.nextId = Math.max(0, ...instances.map((instance) => instance.id)) + 1;
    this.show(instances);
    this.saved = this.instances;
  }

  get dirty() {
    return this.instances !== this.saved;
  }

  /** The instance that edits go to: the one that was selected first. */
  get target() {
    return this.byId.get(this.selection[0]) ?? null;
  }

  /** The topmost instance at a pixel, or null. */
  at(y, x) {
    return this.byId.get(this.owner[y * this.size[1] + x]) ?? null;
  }

  newId() {
    return this.nextId++;
  }

  select(ids) {
    this.selection = ids.filter((id) => this.byId.has(id));
  }

  /**
   * Show a list of instances without a step of undo, as a stroke does while it is drawn.
   * @returns {object} the frame in which pixels may have changed
   */
  show(instances, changed = frameOfChange(this.instances, instances)) {
    this.instances = instances;
    this.byId = new Map(instances.map((instance) => [instance.id, instance]));
    this.select(this.selection);
    this.#paint(changed);
    return changed;
  }

  /** Show a list and make it a step of undo after `before`. */
  commit(instances, before = this.instances) {
    if (instances === before) return null;
    this.past.push(before);
    this.future = [];
    const changed = this.show(instances);
    this.#forget();
    return changed;
  }

  undo() {
    if (!this.past.length) return null;
    this.future.push(this.instances);
    return this.show(this.past.pop());
  }

  redo() {
    if (!this.future.length) return null;
    this.past.push(this.instances);
    return this.show(this.future.pop());
  }

  #paint(frame) {
    const [height, width] = this.size;
    const rows = overlapOf(frame, { top: 0, left: 0, bottom: height, right: width });
    for (let y = rows.top; y < rows.bottom; y++) {
      this.owner.fill(0, y * width + rows.left, y * width + rows.right);
    }
    // The last instance lies on top, as in files.
    for (const { id, bitmap } of this.instances) {
      const { top, left, bottom, right } = overlapOf(bitmap, rows);
      for (let y = top; y < bottom; y++) {
        let i = (y - bitmap.top) * bitmap.width + left - bitmap.left;
        for (let x = left; x < right; x++, i++) {
          if (bitmap.data[i]) this.owner[y * width + x] = id;
        }
      }
    }
  }

  #forget() {
    const held = new Set();
    let bytes = 0;
    for (let step = this.past.length - 1; step >= 0; step--) {
      for (const { bitmap } of this.past[step]) {
        if (held.has(bitmap)) continue;
        held.add(bitmap);
        bytes += bitmap.data.length;
      }
      if (bytes > MOST_BYTES || this.past.length - step > MOST_STEPS) {
        this.past.splice(0, step + 1);
        return;
      }
    }
  }
}

function frameOfChange(before, after) {
  const kept = new Set(after.map((instance) => instance.bitmap));
  const held = new Set(before.map((instance) => instance.bitmap));
  let frame = Bitmap.empty();
  for (const { bitmap } of before) if (!kept.has(bitmap)) frame = frameAround(frame, bitmap);
  for (const { bitmap } of after) if (!held.has(bitmap)) frame = frameAround(frame, bitmap);
  return { top: frame.top, left: frame.left, bottom: frame.bottom, right: frame.right };
}
