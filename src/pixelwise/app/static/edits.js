// Edits as functions: from a list of instances to a new one. See annotation.js for what an
// instance is.

import { alongStroke, Bitmap, partsOf, strokeFrame, united, without } from "./bitmap.js";

/** Parts of fewer pixels, or of a smaller share of the whole, are no instances of their own. */
const SPECK = 16, SPECK_SHARE = 0.002;

export function added(instances, instance) {
  return [...instances, instance];
}

export function removed(instances, ids) {
  return instances.filter((instance) => !ids.includes(instance.id));
}

export function reclassed(instances, ids, classId) {
  return instances.map((instance) =>
    ids.includes(instance.id) ? { ...instance, classId, score: null } : instance);
}

/** Give an instance another mask; with `take`, the others lose the pixels it gains. */
export function masked(instances, id, bitmap, take = false) {
  const before = instances.find((instance) => instance.id === id).bitmap;
  const gained = take ? without(bitmap, before) : null;
  return instances.map((instance) => {
    if (instance.id === id) return { ...instance, bitmap, score: null };
    if (!gained) return instance;
    const left = without(instance.bitmap, gained);
    return left === instance.bitmap ? instance : { ...instance, bitmap: left };
  }).filter((instance) => instance.id === id || instance.bitmap.height > 0);
}

/** The pixels of a bitmap that are nobody's, or the instance's own. */
export function unclaimed(annotation, id, bitmap) {
  const { owner, size: [, width] } = annotation;
  return Bitmap.where(bitmap, (y, x) => {
    const here = owner[y * width + x];
    return bitmap.has(y, x) && (here === 0 || here === id);
  });
}

/** All into the first. */
export function merged(instances, ids) {
  const all = ids.map((id) => instances.find((instance) => instance.id === id));
  const bitmap = all.map((instance) => instance.bitmap).reduce(united);
  return removed(instances, ids.slice(1)).map((instance) =>
    instance.id === ids[0] ? { ...instance, bitmap, score: null } : instance);
}

/** Parts worth being instances; specks go to the largest. */
export function largeParts(bitmap) {
  const parts = partsOf(bitmap);
  const least = Math.max(SPECK, SPECK_SHARE * bitmap.area());
  const large = parts.filter((part, i) => i === 0 || part.area() >= least);
  const specks = parts.slice(large.length);
  if (large.length) large[0] = specks.reduce(united, large[0]);
  return large;
}

/** Make each part of an instance one of its own; the same list if there is one part only. */
export function separated(instances, id, parts, newId) {
  if (parts.length < 2) return instances;
  return instances.flatMap((instance) => (instance.id !== id ? [instance] : parts.map((bitmap, i) =>
    ({ ...instance, id: i ? newId() : id, bitmap, score: null }))));
}

/** Parts of a bitmap on the two sides of a line through points {y, x}; the line's pixels stay. */
export function cutAlong(bitmap, points, size) {
  const open = bitmap.framed(bitmap);
  const line = [];
  for (let i = 1; i < points.length; i++) {
    // Wide enough that no two pixels touch across it by a side.
    alongStroke(points[i - 1], points[i], 0.8, strokeFrame(points[i - 1], points[i], 1, size), (y, x) => {
      if (!open.has(y, x)) return;
      open.data[(y - open.top) * open.width + x - open.left] = 0;
      line.push([y, x]);
    });
  }
  const parts = largeParts(open);
  if (parts.length < 2) return parts;
  return rejoined(parts.map((part) => part.framed(bitmap)), line);
}

/** Give pixels between parts to the part beside them, from their sides inwards. */
function rejoined(parts, pixels) {
  let open = pixels;
  while (open.length) {
    const found = [];
    const left = open.filter(([y, x]) => {
      const part = parts.find((p) =>
        p.has(y - 1, x) || p.has(y + 1, x) || p.has(y, x - 1) || p.has(y, x + 1));
      if (part) found.push([part, y, x]);
      return !part;
    });
    for (const [part, y, x] of found) {
      part.data[(y - part.top) * part.width + x - part.left] = 1;
    }
    if (!found.length) break;
    open = left;
  }
  return parts.map((part) => part.trimmed());
}
