// COCO's compressed run-length codes: {size: [height, width], counts: string}. The runs go down
// the columns and begin with one of zeros. The string is base 32 with a sign, little end first,
// each digit plus 48; from the fourth run on the difference to the run two before is written.

import { Bitmap } from "./bitmap.js";

/** Runs of a counts string. */
export function runsOf(counts) {
  const runs = [];
  for (let i = 0; i < counts.length;) {
    let value = 0, shift = 0, digit;
    do {
      digit = counts.charCodeAt(i++) - 48;
      value |= (digit & 31) << shift;
      shift += 5;
    } while (digit & 32);
    if (digit & 16 && shift < 32) value |= -1 << shift;
    if (runs.length > 2) value += runs[runs.length - 2];
    runs.push(value);
  }
  return runs;
}

/** The counts string of runs. */
export function countsOf(runs) {
  let text = "";
  for (let i = 0; i < runs.length; i++) {
    let value = i > 2 ? runs[i] - runs[i - 2] : runs[i];
    let more = true;
    while (more) {
      const digit = value & 31;
      value >>= 5;
      more = digit & 16 ? value !== -1 : value !== 0;
      text += String.fromCharCode(digit + (more ? 32 : 0) + 48);
    }
  }
  return text;
}

/** @returns {Bitmap} in pixels of the code's own size */
export function decode(rle) {
  const [height, width] = rle.size;
  const runs = typeof rle.counts === "string" ? runsOf(rle.counts) : rle.counts;
  const frame = frameOf(runs, height, width);
  if (!frame) return Bitmap.empty();
  const bitmap = new Bitmap(
    frame.top, frame.left, frame.bottom - frame.top, frame.right - frame.left);
  let at = 0;
  runs.forEach((run, i) => {
    if (i % 2) {
      for (let k = at; k < at + run; k++) {
        const x = Math.floor(k / height);
        bitmap.data[(k - x * height - bitmap.top) * bitmap.width + x - bitmap.left] = 1;
      }
    }
    at += run;
  });
  return bitmap;
}

function frameOf(runs, height, width) {
  let top = height, bottom = 0, left = width, right = 0, at = 0;
  runs.forEach((run, i) => {
    if (i % 2 && run) {
      const first = Math.floor(at / height), last = Math.floor((at + run - 1) / height);
      left = Math.min(left, first);
      right = Math.max(right, last + 1);
      // A run that goes on in the next column touches the bottom and the top.
      top = Math.min(top, first === last ? at % height : 0);
      bottom = Math.max(bottom, first === last ? ((at + run - 1) % height) + 1 : height);
    }
    at += run;
  });
  return right > left ? { top, bottom, left, right } : null;
}

/** COCO RLE of a bitmap in an image of [height, width]. */
export function encode(bitmap, [height, width]) {
  const runs = [];
  let end = 0, start = -1;
  const close = (stop) => {
    if (start < 0) return;
    // A run that begins where the last one ends is the same run: columns follow each other.
    if (runs.length && start === end) runs[runs.length - 1] += stop - start;
    else runs.push(start - end, stop - start);
    end = stop;
    start = -1;
  };
  for (let x = 0; x < bitmap.width; x++) {
    const column = (bitmap.left + x) * height + bitmap.top;
    for (let y = 0; y < bitmap.height; y++) {
      if (bitmap.data[y * bitmap.width + x]) {
        if (start < 0) start = column + y;
      } else close(column + y);
    }
    close(column + bitmap.height);
  }
  if (height * width > end || !runs.length) runs.push(height * width - end);
  return { size: [height, width], counts: countsOf(runs) };
}
