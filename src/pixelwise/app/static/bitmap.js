// Masks of instances. A Bitmap keeps only the pixels within its frame: data is a Uint8Array of
// height x width, rows first, 0 or 1. Bitmaps are not changed once an annotation holds them, so
// that undo is a matter of holding the former ones.

export class Bitmap {
  constructor(top, left, height, width, data = new Uint8Array(height * width)) {
    this.top = top;
    this.left = left;
    this.height = height;
    this.width = width;
    this.data = data;
  }

  static empty() {
    return new Bitmap(0, 0, 0, 0);
  }

  /** The pixels of a frame {top, left, bottom, right} for which test(y, x) holds. */
  static where(frame, test) {
    const bitmap = new Bitmap(
      frame.top, frame.left, frame.bottom - frame.top, frame.right - frame.left);
    let i = 0;
    for (let y = frame.top; y < frame.bottom; y++) {
      for (let x = frame.left; x < frame.right; x++, i++) bitmap.data[i] = test(y, x) ? 1 : 0;
    }
    return bitmap.trimmed();
  }

  get bottom() {
    return this.top + this.height;
  }

  get right() {
    return this.left + this.width;
  }

  has(y, x) {
    return y >= this.top && y < this.bottom && x >= this.left && x < this.right
      && this.data[(y - this.top) * this.width + x - this.left] === 1;
  }

  area() {
    let area = 0;
    for (let i = 0; i < this.data.length; i++) area += this.data[i];
    return area;
  }

  /** A copy in another frame; pixels outside it are lost. */
  framed(frame) {
    const copy = new Bitmap(
      frame.top, frame.left, frame.bottom - frame.top, frame.right - frame.left);
    const { top, left, bottom, right } = overlapOf(this, frame);
    for (let y = top; y < bottom; y++) {
      const from = (y - this.top) * this.width - this.left;
      copy.data.set(
        this.data.subarray(from + left, from + right), (y - copy.top) * copy.width + left - copy.left);
    }
    return copy;
  }

  /** The same pixels in the smallest frame. */
  trimmed() {
    let top = Infinity, left = Infinity, bottom = -1, right = -1;
    for (let y = 0, i = 0; y < this.height; y++) {
      for (let x = 0; x < this.width; x++, i++) {
        if (!this.data[i]) continue;
        if (y < top) top = y;
        bottom = y;
        if (x < left) left = x;
        if (x > right) right = x;
      }
    }
    if (bottom < 0) return Bitmap.empty();
    return this.framed({
      top: this.top + top,
      left: this.left + left,
      bottom: this.top + bottom + 1,
      right: this.left + right + 1,
    });
  }

  /** Nearest sampling to another size of the image: size and whole are [height, width]. */
  resized(size, whole) {
    const [tall, wide] = [size[0] / whole[0], size[1] / whole[1]];
    const frame = {
      top: Math.max(0, Math.floor(this.top * tall) - 1),
      left: Math.max(0, Math.floor(this.left * wide) - 1),
      bottom: Math.min(size[0], Math.ceil(this.bottom * tall) + 1),
      right: Math.min(size[1], Math.ceil(this.right * wide) + 1),
    };
    return Bitmap.where(frame, (y, x) =>
      this.has(Math.floor((y + 0.5) / tall), Math.floor((x + 0.5) / wide)));
  }
}

export function frameAround(one, other) {
  if (one.bottom <= one.top) return other;
  if (other.bottom <= other.top) return one;
  return {
    top: Math.min(one.top, other.top),
    left: Math.min(one.left, other.left),
    bottom: Math.max(one.bottom, other.bottom),
    right: Math.max(one.right, other.right),
  };
}

/** The common part of two frames, empty (bottom <= top) where there is none. */
export function overlapOf(one, other) {
  const top = Math.max(one.top, other.top);
  const left = Math.max(one.left, other.left);
  return {
    top,
    left,
    bottom: Math.max(top, Math.min(one.bottom, other.bottom)),
    right: Math.max(left, Math.min(one.right, other.right)),
  };
}

export function united(one, other) {
  return Bitmap.where(frameAround(one, other), (y, x) => one.has(y, x) || other.has(y, x));
}

export function without(one, other) {
  const { top, bottom, left, right } = overlapOf(one, other);
  if (bottom <= top || right <= left) return one;
  return Bitmap.where(one, (y, x) => one.has(y, x) && !other.has(y, x));
}

/** The 4-connected parts, largest first. */
export function partsOf(bitmap) {
  const { width, height, data } = bitmap;
  const part = new Int32Array(data.length);
  const areas = [];
  const stack = [];
  for (let start = 0; start < data.length; start++) {
    if (!data[start] || part[start]) continue;
    const id = areas.push(0);
    part[start] = id;
    stack.push(start);
    while (stack.length) {
      const i = stack.pop();
      const x = i % width;
      areas[id - 1] += 1;
      const take = (j) => {
        if (data[j] && !part[j]) {
          part[j] = id;
          stack.push(j);
        }
      };
      if (x > 0) take(i - 1);
      if (x < width - 1) take(i + 1);
      if (i >= width) take(i - width);
      if (i < width * (height - 1)) take(i + width);
    }
  }
  const order = areas.map((area, i) => ({ area, id: i + 1 })).sort((a, b) => b.area - a.area);
  return order.map(({ id }) => Bitmap.where(bitmap, (y, x) =>
    part[(y - bitmap.top) * width + x - bitmap.left] === id));
}

/** Frame of a stroke from one point to another, within an image of [height, width]. */
export function strokeFrame(from, to, radius, size) {
  return {
    top: Math.max(0, Math.floor(Math.min(from.y, to.y) - radius)),
    left: Math.max(0, Math.floor(Math.min(from.x, to.x) - radius)),
    bottom: Math.min(size[0], Math.ceil(Math.max(from.y, to.y) + radius) + 1),
    right: Math.min(size[1], Math.ceil(Math.max(from.x, to.x) + radius) + 1),
  };
}

/** Call visit(y, x) for each pixel of a frame whose centre is within radius of the stroke. */
export function alongStroke(from, to, radius, frame, visit) {
  const dx = to.x - from.x, dy = to.y - from.y;
  const length = dx * dx + dy * dy || 1;
  const reach = Math.max(radius, 0.5) ** 2;
  for (let y = frame.top; y < frame.bottom; y++) {
    for (let x = frame.left; x < frame.right; x++) {
      const px = x + 0.5 - from.x, py = y + 0.5 - from.y;
      const along = Math.min(1, Math.max(0, (px * dx + py * dy) / length));
      if ((px - along * dx) ** 2 + (py - along * dy) ** 2 <= reach) visit(y, x);
    }
  }
}

/** The sides between pixels inside and outside, as a path in pixels of the image. */
export function outlineOf(bitmap) {
  const path = new Path2D();
  const { top, left, width, height, data } = bitmap;
  const at = (y, x) => (y >= 0 && y < height && x >= 0 && x < width ? data[y * width + x] : 0);
  for (let y = 0; y <= height; y++) {
    for (let x = 0; x < width; x++) {
      if (at(y, x) === at(y - 1, x)) continue;
      const start = x;
      while (x + 1 < width && at(y, x + 1) !== at(y - 1, x + 1)) x++;
      path.moveTo(left + start, top + y);
      path.lineTo(left + x + 1, top + y);
    }
  }
  for (let x = 0; x <= width; x++) {
    for (let y = 0; y < height; y++) {
      if (at(y, x) === at(y, x - 1)) continue;
      const start = y;
      while (y + 1 < height && at(y + 1, x) !== at(y + 1, x - 1)) y++;
      path.moveTo(left + x, top + start);
      path.lineTo(left + x, top + y + 1);
    }
  }
  return path;
}
