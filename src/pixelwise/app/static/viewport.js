// Zoom and pan: from pixels of the image to CSS pixels of the stage and back.

const MOST = 40;
const MARGIN = 24;

export class Viewport {
  constructor() {
    this.scale = 1;
    this.x = 0;
    this.y = 0;
    this.stage = { width: 1, height: 1 };
    this.image = { width: 1, height: 1 };
    /** Follows the stage's size until the user zooms or pans. */
    this.fitted = true;
  }

  resize(stage, image) {
    this.stage = stage;
    this.image = image;
    if (this.fitted) this.fit();
  }

  fit() {
    this.scale = this.fitScale();
    this.x = (this.stage.width - this.image.width * this.scale) / 2;
    this.y = (this.stage.height - this.image.height * this.scale) / 2;
    this.fitted = true;
  }

  fitScale() {
    const margin = this.stage.width < 600 ? 8 : MARGIN;
    const width = Math.max(32, this.stage.width - 2 * margin);
    const height = Math.max(32, this.stage.height - 2 * margin);
    return Math.min(width / this.image.width, height / this.image.height, 6);
  }

  /** Zoom about a point of the stage, which stays where it is. */
  zoom(factor, at = { x: this.stage.width / 2, y: this.stage.height / 2 }) {
    const least = this.fitScale() / 3;
    const scale = Math.min(MOST, Math.max(least, this.scale * factor));
    this.x = at.x - (at.x - this.x) * (scale / this.scale);
    this.y = at.y - (at.y - this.y) * (scale / this.scale);
    this.scale = scale;
    this.fitted = false;
    this.#keepInSight();
  }

  pan(dx, dy) {
    this.x += dx;
    this.y += dy;
    this.fitted = false;
    this.#keepInSight();
  }

  toImage({ x, y }) {
    return { x: (x - this.x) / this.scale, y: (y - this.y) / this.scale };
  }

  toStage({ x, y }) {
    return { x: x * this.scale + this.x, y: y * this.scale + this.y };
  }

  #keepInSight() {
    const rim = 48;
    const { width, height } = this.image;
    this.x = Math.min(this.stage.width - rim, Math.max(rim - width * this.scale, this.x));
    this.y = Math.min(this.stage.height - rim, Math.max(rim - height * this.scale, this.y));
  }
}
