// The tree of regions of a photo: fetched once, cut at any scale here.

import { Bitmap, frameAround } from "./bitmap.js";

export class RegionTree {
  /**
   * @param {number[]} size [height, width] of the image shown
   * @param {Int32Array} leaves height x width, the finest region of each pixel, 0..n-1
   * @param {number[]} parents of 2 n - 1 nodes: leaves first, then in the order of merging; the
   *   last one is its own parent
   */
  constructor(size, leaves, parents) {
    this.size = size;
    this.leaves = leaves;
    this.parents = Int32Array.from(parents);
    this.n = (parents.length + 1) / 2;
    this.frames = this.#frames();
    this.tops = new Int32Array(this.n);
    this.cut(this.n);
  }

  /** Keep the k coarsest regions: afterwards tops[leaf] is the node each leaf belongs to. */
  cut(k) {
    this.k = Math.min(Math.max(1, Math.round(k)), this.n);
    const known = 2 * this.n - this.k;
    const top = new Int32Array(known);
    for (let node = known - 1; node >= 0; node--) {
      const parent = this.parents[node];
      top[node] = parent < known && parent !== node ? top[parent] : node;
    }
    this.tops = top.slice(0, this.n);
  }

  /** The node at a pixel in the present cut. */
  nodeAt(y, x) {
    return this.tops[this.leaves[y * this.size[1] + x]];
  }

  /** @returns {Bitmap} */
  maskOf(node) {
    const { leaves, tops, size: [, width] } = this;
    return Bitmap.where(this.frames[node], (y, x) => tops[leaves[y * width + x]] === node);
  }

  /** Mean colour of each leaf's region in the cut, (n) Uint32 as ABGR, from RGBA pixels. */
  colours(pixels) {
    this.sums ??= this.#sums(pixels);
    const colours = new Uint32Array(this.n);
    for (let leaf = 0; leaf < this.n; leaf++) {
      const i = 4 * this.tops[leaf];
      const count = this.sums[i + 3] || 1;
      const [r, g, b] = [0, 1, 2].map((c) => Math.round(this.sums[i + c] / count));
      colours[leaf] = ((255 << 24) | (b << 16) | (g << 8) | r) >>> 0;
    }
    return colours;
  }

  #frames() {
    const [height, width] = this.size;
    const nodes = this.parents.length;
    const frames = Array.from({ length: nodes }, () => (
      { top: height, left: width, bottom: 0, right: 0 }));
    for (let y = 0, i = 0; y < height; y++) {
      for (let x = 0; x < width; x++, i++) {
        const frame = frames[this.leaves[i]];
        if (y < frame.top) frame.top = y;
        if (y >= frame.bottom) frame.bottom = y + 1;
        if (x < frame.left) frame.left = x;
        if (x >= frame.right) frame.right = x + 1;
      }
    }
    for (let node = 0; node < nodes - 1; node++) {
      const parent = this.parents[node];
      frames[parent] = frameAround(frames[parent], frames[node]);
    }
    return frames;
  }

  #sums(pixels) {
    const sums = new Float64Array(4 * this.parents.length);
    for (let i = 0; i < this.leaves.length; i++) {
      const at = 4 * this.leaves[i];
      for (let c = 0; c < 3; c++) sums[at + c] += pixels[4 * i + c];
      sums[at + 3] += 1;
    }
    for (let node = 0; node < this.parents.length - 1; node++) {
      for (let c = 0; c < 4; c++) sums[4 * this.parents[node] + c] += sums[4 * node + c];
    }
    return sums;
  }
}

/** How many regions a slider position 0 (fine) .. 100 (coarse) stands for. */
export function countAt(position, n) {
  return Math.max(2, Math.round(Math.exp((1 - position / 100) * Math.log(Math.max(2, n)))));
}

/** The slider position of a number of regions. */
export function positionOf(k, n) {
  return 100 * (1 - Math.log(Math.max(2, k)) / Math.log(Math.max(3, n)));
}
