// The photo on the stage: its pixels, its annotation, its regions. A few photos stay in memory;
// of the others only what was edited is kept, as run-length codes.

import * as api from "./api.js";
import { Annotation } from "./annotation.js";
import { decode, encode } from "./rle.js";
import { RegionTree } from "./regions.js";
import { app, assignableClasses, changed } from "./state.js";

const MOST_IN_MEMORY = 3;

/** Photo id -> session, the one shown last at the end. */
const sessions = new Map();
/** Photo id -> edited instances of photos that left memory. */
const edited = new Map();
/** Bitmap -> the server's code of it: masks that nobody edits go back as they came. */
const codes = new WeakMap();
let opening = new AbortController();

class Session {
  constructor(photo, image) {
    this.id = photo.id;
    /** Size of the photo, which the server's masks have, and of the image shown: [height, width]. */
    this.whole = [photo.height, photo.width];
    this.size = [image.height, image.width];
    this.image = image;
    this.annotation = null;
    this.before = null;
    this.tree = null;
    this.boundaries = null;
  }

  /** An RGBA copy of the image, (4 H W) Uint8. */
  pixels() {
    this.rgba ??= pixelsOf(this.image).data;
    return this.rgba;
  }

  fromServer(rle) {
    const whole = decode(rle);
    const bitmap = sameSize(this.size, rle.size) ? whole : whole.resized(this.size, rle.size);
    if (whole.height) codes.set(bitmap, rle);
    return bitmap;
  }

  toServer(bitmap) {
    return codes.get(bitmap) ?? encode(
      sameSize(this.size, this.whole) ? bitmap : bitmap.resized(this.whole, this.size), this.whole);
  }

  /** A point of the image shown as [y, x] of the photo. */
  pointToServer({ x, y }) {
    const clamp = (value, size) => Math.min(size - 1, Math.max(0, Math.floor(value)));
    return [
      clamp((y * this.whole[0]) / this.size[0], this.whole[0]),
      clamp((x * this.whole[1]) / this.size[1], this.whole[1]),
    ];
  }

  instancesOf(answer) {
    const ids = answer.instances.map((one) => one.id);
    const usable = new Set(ids).size === ids.length
      && ids.every((id) => Number.isInteger(id) && id > 0 && id < 65000);
    return answer.instances.map((one, i) => ({
      id: usable ? one.id : i + 1,
      classId: one.class_id,
      score: one.score ?? null,
      bitmap: this.fromServer(one.rle),
    })).filter((instance) => codes.has(instance.bitmap));
  }

  get answer() {
    // Also what is too small to be seen in an image that is shown smaller.
    const instances = this.annotation.instances.filter(({ bitmap }) => bitmap.height || codes.has(bitmap));
    return {
      instances: instances.map(({ id, classId, bitmap }) =>
        ({ id, class_id: classId, rle: this.toServer(bitmap) })),
    };
  }
}

const sameSize = (one, other) => one[0] === other[0] && one[1] === other[1];

function pixelsOf(image) {
  const canvas = new OffscreenCanvas(image.width, image.height);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(image, 0, 0);
  return context.getImageData(0, 0, image.width, image.height);
}

/** Show a photo: first its pixels, then its instances, then, in the background, its regions. */
export async function openPhoto(id, report) {
  opening.abort();
  opening = new AbortController();
  const { signal } = opening;
  const photo = app.photos.find((one) => one.id === id);
  if (!photo) return;
  let session = sessions.get(id);
  if (!session) {
    report("loading");
    session = new Session(photo, await createImageBitmap(await api.getImage(id, signal)));
    signal.throwIfAborted();
  }
  sessions.delete(id);
  sessions.set(id, session);
  app.session = session;
  changed("photo", session);
  if (!session.annotation) await loadInstances(session, photo, signal, report);
  dropOldest();
  report(null);
  if (!session.tree) await loadRegions(session, signal);
}

async function loadInstances(session, photo, signal, report) {
  const kept = ["corrected", "saved"].includes(photo.state);
  report("thinking");
  const known = edited.get(session.id);
  const answer = known ?? (kept
    ? await api.getAnnotation(session.id, signal)
    : await api.getAnswer(session.id, { signal, onplace: (n) => report("waiting", n) }));
  signal.throwIfAborted();
  const instances = session.instancesOf(answer);
  session.annotation = new Annotation(session.size, instances);
  if (known) session.annotation.saved = null;
  edited.delete(session.id);
  app.newClass ??= mostOften(instances) ?? assignableClasses()[0]?.id ?? 0;
  changed("annotation", null);
  if (photo.state === "new") refreshPhotos();
}

function mostOften(instances) {
  const counts = new Map();
  for (const { classId } of instances) counts.set(classId, (counts.get(classId) ?? 0) + 1);
  return [...counts].sort((a, b) => b[1] - a[1])[0]?.[0];
}

async function loadRegions(session, signal) {
  const { tree, map } = await api.getRegions(session.id, signal);
  const image = await createImageBitmap(map, { colorSpaceConversion: "none", premultiplyAlpha: "none" });
  const { data } = pixelsOf(image);
  const [height, width] = session.size;
  const leaves = new Int32Array(height * width);
  for (let y = 0, i = 0; y < height; y++) {
    const row = Math.floor(((y + 0.5) * image.height) / height) * image.width;
    for (let x = 0; x < width; x++, i++) {
      const at = 4 * (row + Math.floor(((x + 0.5) * image.width) / width));
      leaves[i] = data[at] + 256 * data[at + 1] + 65536 * data[at + 2];
    }
  }
  session.tree = new RegionTree(session.size, leaves, tree.parents);
  changed("regions", session);
}

/** Boundary strength of the photo shown, (H W) Uint8; fetched when it is first asked for. */
export async function loadBoundaries(session) {
  if (session.boundaries) return;
  const image = await createImageBitmap(await api.getBoundaries(session.id));
  const [height, width] = session.size;
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d");
  context.drawImage(image, 0, 0, width, height);
  const { data } = context.getImageData(0, 0, width, height);
  session.boundaries = Uint8Array.from({ length: height * width }, (_, i) => data[4 * i]);
  changed("view");
}

/** What the weights before training said, for comparison. */
export async function loadBefore(session) {
  session.before ??= new Annotation(
    session.size, session.instancesOf(await api.getAnswer(session.id, { before: true })));
}

function dropOldest() {
  for (const [id, session] of sessions) {
    if (sessions.size <= MOST_IN_MEMORY) return;
    if (session === app.session) continue;
    if (session.annotation?.dirty) edited.set(id, session.answer);
    session.image.close();
    sessions.delete(id);
  }
}

/** Forget answers that newer weights have replaced. */
export function forgetAnswers() {
  for (const [id, session] of sessions) {
    const photo = app.photos.find((one) => one.id === id);
    const own = session.annotation?.dirty || ["corrected", "saved"].includes(photo?.state);
    if (!own) sessions.delete(id);
  }
}

export function forgetPhoto(id) {
  sessions.delete(id);
  edited.delete(id);
}

export function unsavedIds() {
  const held = [...sessions.values()].filter((one) => one.annotation?.dirty).map((one) => one.id);
  return [...held, ...edited.keys()];
}

let saving = Promise.resolve();

/** Keep the instances of a photo on the server; one after the other, so that the last one stays. */
export function save(id) {
  saving = saving.catch(() => {}).then(() => put(id));
  return saving;
}

async function put(id) {
  const annotation = sessions.get(id)?.annotation;
  const answer = annotation ? sessions.get(id).answer : edited.get(id);
  if (!answer) return;
  const instances = annotation?.instances;
  const photo = await api.putAnnotation(id, answer);
  edited.delete(id);
  if (annotation) annotation.saved = instances;
  app.photos = app.photos.map((one) => (one.id === id ? photo : one));
  changed("photos");
  changed("saved", id);
}

/** Save what is on the stage if that is not done; false if it failed. */
export async function savedFirst({ annotation }) {
  if (annotation?.dirty) await changed("save");
  return !annotation?.dirty;
}

export async function refreshPhotos() {
  const state = await api.getState();
  Object.assign(app, {
    weights: state.weights, classes: state.classes, photos: state.photos, save: state.save,
    canTrain: state.can_train, limits: state.limits,
  });
  changed("photos");
}
