// The canvas: draws the photo, the colours over it, what a tool would do, and the comparison.

import { outlineOf } from "./bitmap.js";
import { byId } from "./dom.js";
import { Overlay } from "./overlay.js";
import { loadBoundaries } from "./session.js";
import { app, changed, on } from "./state.js";
import { Viewport } from "./viewport.js";

export const viewport = new Viewport();

const canvas = byId("canvas");
const context = canvas.getContext("2d");
let overlay = null;
let before = null;
let lines = null;
let linesOf = "";
let waiting = false;
/** Selected instances' bitmaps -> their outlines. */
const outlines = new WeakMap();
/** {bitmap, kind: "add" | "remove" | "select"}: what a click would take. */
let preview = null;
/** draw(context, viewport): a tool's own marks. */
let marks = null;
/** Where the keyboard's pointer is, in pixels of the image, or null. */
let crosshair = null;
/** The photo with another background, an ImageBitmap, or null. */
let effect = null;

export function redraw() {
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(() => {
    waiting = false;
    draw();
  });
}

/** Paint the colours anew within a frame of the image, or everywhere. */
export function repaint(frame = null) {
  if (overlay && app.session) overlay.paint(app.session, app.session.annotation, frame);
  redraw();
}

export function setPreview(next) {
  if (preview === next) return;
  preview = next;
  redraw();
}

export function setMarks(draws) {
  marks = draws;
  redraw();
}

export function setCrosshair(point) {
  crosshair = point;
  redraw();
}

export function setEffect(image) {
  effect?.close();
  effect = image;
  redraw();
}

export function panBy(dx, dy) {
  viewport.pan(dx, dy);
  redraw();
}

export function zoomBy(factor, at) {
  viewport.zoom(factor, at);
  changed("zoom");
  redraw();
}

export function fitPhoto() {
  viewport.fit();
  changed("zoom");
  redraw();
}

/** What a program, or a test, needs to point at pixels of the image: CSS px of the window. */
export function windowPoint(point) {
  const rect = canvas.getBoundingClientRect();
  const { x, y } = viewport.toStage(point);
  return { x: x + rect.left, y: y + rect.top };
}

export function outlineFor(bitmap) {
  if (!outlines.has(bitmap)) outlines.set(bitmap, outlineOf(bitmap));
  return outlines.get(bitmap);
}

function fitCanvas() {
  const { width, height } = canvas.getBoundingClientRect();
  const ratio = window.devicePixelRatio || 1;
  canvas.width = Math.max(1, Math.round(width * ratio));
  canvas.height = Math.max(1, Math.round(height * ratio));
  const image = app.session?.image ?? { width, height };
  viewport.resize({ width, height }, { width: image.width, height: image.height });
  changed("zoom");
  draw();
}

function draw() {
  const ratio = window.devicePixelRatio || 1;
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, canvas.width, canvas.height);
  const { session } = app;
  if (!session) return;
  toImage(ratio);
  const showsEffect = app.view === "background" && effect;
  if (showsEffect) drawEffect();
  else drawPhoto(app.view === "background" ? null : overlay);
  if (app.compare) drawLeft(ratio);
  if (app.view !== "background") drawMarks();
}

function toImage(ratio) {
  const { scale, x, y } = viewport;
  context.setTransform(ratio * scale, 0, 0, ratio * scale, ratio * x, ratio * y);
  context.imageSmoothingEnabled = scale * ratio < 3;
  context.imageSmoothingQuality = "high";
}

function drawPhoto(layer) {
  context.drawImage(app.session.image, 0, 0);
  if (layer) context.drawImage(layer.canvas, 0, 0);
  if (layer === overlay && app.tool === "region" && app.view !== "regions") drawLines();
}

function drawLines() {
  const { tree } = app.session;
  if (!tree) return;
  lines ??= new Overlay(app.session.size);
  const which = `${app.session.id} ${tree.k}`;
  if (linesOf !== which) lines.paintLines(tree);
  linesOf = which;
  context.globalAlpha = 0.45;
  context.drawImage(lines.canvas, 0, 0);
  context.globalAlpha = 1;
}

function drawEffect() {
  const [height, width] = app.session.size;
  const side = 10 / viewport.scale;
  context.fillStyle = "#c9c9c6";
  context.fillRect(0, 0, width, height);
  context.fillStyle = "#f2f2f0";
  context.save();
  context.beginPath();
  context.rect(0, 0, width, height);
  context.clip();
  if (app.background.kind === "transparent") {
    for (let y = 0, row = 0; y < height; y += side, row++) {
      for (let x = row % 2 ? side : 0; x < width; x += 2 * side) context.fillRect(x, y, side, side);
    }
  }
  context.restore();
  context.drawImage(effect, 0, 0, width, height);
}

function drawLeft(ratio) {
  const at = app.compare.at * viewport.stage.width;
  context.save();
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.beginPath();
  context.rect(0, 0, at, viewport.stage.height);
  context.clip();
  toImage(ratio);
  drawPhoto(app.compare.left === "before" ? before : null);
  context.restore();
}

function drawMarks() {
  const { annotation } = app.session;
  const px = 1 / viewport.scale;
  for (const id of annotation?.selection ?? []) {
    strokeTwice(outlineFor(annotation.byId.get(id).bitmap), 1.6 * px, "#fff", "#000c");
  }
  if (preview) {
    const adds = preview.kind !== "remove";
    if (preview.kind !== "select") fillBitmap(preview.bitmap, adds ? [255, 255, 255, 90] : [20, 20, 20, 130]);
    strokeTwice(outlineFor(preview.bitmap), 1.4 * px, adds ? "#fff" : "#ff7a66", "#000a");
  }
  marks?.(context, viewport);
  if (crosshair) drawCrosshair(px);
}

function strokeTwice(path, width, inner, outer) {
  context.lineJoin = "round";
  context.lineCap = "square";
  context.strokeStyle = outer;
  context.lineWidth = 2.4 * width;
  context.stroke(path);
  context.strokeStyle = inner;
  context.lineWidth = width;
  context.stroke(path);
}

const filled = new WeakMap();

function fillBitmap(bitmap, colour) {
  if (!bitmap.height) return;
  if (!filled.has(bitmap)) {
    const layer = new OffscreenCanvas(bitmap.width, bitmap.height);
    const image = new ImageData(bitmap.width, bitmap.height);
    for (let i = 0; i < bitmap.data.length; i++) if (bitmap.data[i]) image.data.set(colour, 4 * i);
    layer.getContext("2d").putImageData(image, 0, 0);
    filled.set(bitmap, layer);
  }
  context.drawImage(filled.get(bitmap), bitmap.left, bitmap.top);
}

function drawCrosshair(px) {
  const { x, y } = crosshair;
  const path = new Path2D();
  const [near, far] = [4 * px, 14 * px];
  for (const [dx, dy] of [[1, 0], [-1, 0], [0, 1], [0, -1]]) {
    path.moveTo(x + dx * near, y + dy * near);
    path.lineTo(x + dx * far, y + dy * far);
  }
  strokeTwice(path, 1.6 * px, "#fff", "#000");
}

function newPhoto(session) {
  overlay = session ? new Overlay(session.size) : null;
  [before, lines, linesOf, preview] = [null, null, "", null];
  setEffect(null);
  viewport.fitted = true;
  fitCanvas();
  repaint();
}

function showBefore() {
  const { session } = app;
  if (app.compare?.left !== "before" || !session?.before) return;
  before = new Overlay(session.size);
  before.paint(session, session.before);
}

function showView() {
  const { session } = app;
  if (!session) return;
  if (app.view === "boundaries") loadBoundaries(session).catch((error) => changed("failed", error));
  repaint();
  showBefore();
}

export function startStage() {
  new ResizeObserver(fitCanvas).observe(canvas);
  on("photo", newPhoto);
  on("annotation", (frame) => repaint(frame));
  on("view regions look", showView);
  on("selection", redraw);
  on("tool options", redraw);
  on("compare", () => {
    showBefore();
    redraw();
  });
}
