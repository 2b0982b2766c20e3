// What every tool has. Points are {x, y} in pixels of the image, with what was held: shift,
// alternate (Alt or the right button), touch; and stage, the same point in CSS px.

export class Tool {
  /** Whether a press and its lift are two places, for the keyboard. */
  drags = false;

  start() {}

  stop() {
    this.cancel();
    this.leave();
  }

  down() {}

  move() {}

  up() {}

  cancel() {}

  hover() {}

  leave() {}

  /** @returns {boolean} whether the tool used the wheel; else it zooms */
  wheel() {
    return false;
  }

  /** Draw the tool's own marks, in pixels of the image. */
  draw() {}
}

/** Row and column of the pixel at a point, null outside the image. */
export function pixelAt(point, [height, width]) {
  const y = Math.floor(point.y), x = Math.floor(point.x);
  return y >= 0 && x >= 0 && y < height && x < width ? { y, x } : null;
}

/** Draw a line twice, so that it is seen on any photo. */
export function drawLine(context, path, px, colour = "#fff", dash = []) {
  context.lineCap = "round";
  context.lineJoin = "round";
  context.strokeStyle = "#000b";
  context.lineWidth = 3.5 * px;
  context.stroke(path);
  context.setLineDash(dash.map((length) => length * px));
  context.strokeStyle = colour;
  context.lineWidth = 1.6 * px;
  context.stroke(path);
  context.setLineDash([]);
}

export function pathThrough(points) {
  const path = new Path2D();
  points.forEach(({ x, y }, i) => (i ? path.lineTo(x, y) : path.moveTo(x, y)));
  return path;
}
