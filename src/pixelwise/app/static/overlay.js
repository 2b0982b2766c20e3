// The colours over a photo: one canvas of the image's size, repainted where something changed.

import { instanceColour, lineColour, word } from "./colours.js";
import { app, classOf } from "./state.js";

const LINE = word([255, 255, 255], 0.9);
const FAINT = 0.25;
/** Longer sides of the image per pixel of line width. */
const LINE_SHARE = 700;

export class Overlay {
  constructor(size) {
    const [height, width] = size;
    this.size = size;
    this.canvas = new OffscreenCanvas(width, height);
    this.context = this.canvas.getContext("2d");
    this.image = new ImageData(width, height);
    this.words = new Uint32Array(this.image.data.buffer);
    this.thick = Math.max(1, Math.round(Math.max(height, width) / LINE_SHARE));
    /** By instance id: fill and line colour, and what lines separate. */
    this.fill = new Uint32Array(65536);
    this.line = new Uint32Array(65536);
    this.key = new Int32Array(65536);
  }

  /** Paint a view within a frame, or all of it. */
  paint(session, annotation, frame = null) {
    const whole = { top: 0, left: 0, bottom: this.size[0], right: this.size[1] };
    const area = frame ? this.#around(frame, whole) : whole;
    if (area.bottom <= area.top || area.right <= area.left) return;
    if (app.view === "regions") this.#paintRegions(session, area);
    else if (app.view === "boundaries") this.#paintBoundaries(session, area);
    else if (annotation) this.#paintInstances(annotation, area);
    else this.words.fill(0);
    this.context.putImageData(
      this.image, 0, 0, area.left, area.top, area.right - area.left, area.bottom - area.top);
  }

  /** Boundaries of the regions alone, for the tool that takes regions. */
  paintLines(tree) {
    const [height, width] = this.size;
    this.#regionLines(tree, { top: 0, left: 0, bottom: height, right: width }, () => 0);
    this.context.putImageData(this.image, 0, 0);
  }

  #around(frame, whole) {
    const t = this.thick;
    return {
      top: Math.max(0, frame.top - t),
      left: Math.max(0, frame.left - t),
      bottom: Math.min(whole.bottom, frame.bottom + t),
      right: Math.min(whole.right, frame.right + t),
    };
  }

  #tables(annotation) {
    const byClass = app.view === "classes";
    for (const { id, classId } of annotation.instances) {
      const hidden = app.hiddenClasses.has(classId) || app.hiddenInstances.has(id);
      const colour = byClass ? lineColour(classOf(classId).colour) : instanceColour(id);
      const lit = app.highlight;
      const strength = !lit || lit.id === id || lit.classId === classId ? 1 : FAINT;
      this.fill[id] = hidden ? 0 : word(colour, Math.max(1 / 255, app.opacity * strength));
      this.line[id] = hidden ? 0 : word(lineColour(colour), strength);
      this.key[id] = byClass ? classId : 1000 + id;
    }
    this.fill[0] = 0;
    this.key[0] = -1;
  }

  #paintInstances(annotation, area) {
    this.#tables(annotation);
    const { words, fill, line, key, thick, size: [height, width] } = this;
    const { owner } = annotation;
    for (let y = area.top; y < area.bottom; y++) {
      for (let x = area.left, i = y * width + x; x < area.right; x++, i++) {
        const id = owner[i];
        if (!fill[id]) {
          words[i] = 0;
          continue;
        }
        const own = key[id];
        const rim = (x >= thick && key[owner[i - thick]] !== own)
          || (x < width - thick && key[owner[i + thick]] !== own)
          || (y >= thick && key[owner[i - thick * width]] !== own)
          || (y < height - thick && key[owner[i + thick * width]] !== own);
        words[i] = rim ? line[id] : fill[id];
      }
    }
  }

  #paintRegions(session, area) {
    if (!session.tree) return this.words.fill(0);
    const colours = session.tree.colours(session.pixels());
    const alpha = Math.round(255 * Math.min(1, 0.35 + app.opacity)) * 0x1000000;
    const fills = colours.map((colour) => (colour & 0xffffff) + alpha);
    return this.#regionLines(session.tree, area, (leaf) => fills[leaf]);
  }

  #regionLines({ leaves, tops }, area, fillOf) {
    const { words, size: [height, width] } = this;
    const reach = Math.max(1, Math.round(this.thick / 2));
    for (let y = area.top; y < area.bottom; y++) {
      for (let x = area.left, i = y * width + x; x < area.right; x++, i++) {
        const top = tops[leaves[i]];
        const line = (x < width - reach && tops[leaves[i + reach]] !== top)
          || (y < height - reach && tops[leaves[i + reach * width]] !== top);
        words[i] = line ? LINE : fillOf(leaves[i]);
      }
    }
  }

  #paintBoundaries(session, area) {
    const { boundaries } = session;
    if (!boundaries) return this.words.fill(0);
    const shades = Uint32Array.from({ length: 256 }, (_, value) =>
      word([value, value, value], 0.7 + (0.3 * value) / 255));
    const width = this.size[1];
    for (let y = area.top; y < area.bottom; y++) {
      for (let x = area.left, i = y * width + x; x < area.right; x++, i++) {
        this.words[i] = shades[boundaries[i]];
      }
    }
    return this.words;
  }
}
