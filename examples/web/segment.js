// A weights file of pixelwise in the browser, with ONNX Runtime alone.
//
// It does what the lines of docs/neighbours.md do in Python, and gives the label map of Predictor.once(); of
// photos smaller than what the network sees, which OpenCV enlarges in fixed point, one pixel in a thousand differs.

import * as ort from "onnxruntime-web/wasm";

/** Load a weights file: its network, and the card that says what it is. */
export async function load(address) {
  const answer = await fetch(address);
  if (!answer.ok) throw new Error(`${address}: ${answer.status} ${answer.statusText}`);
  const bytes = new Uint8Array(await answer.arrayBuffer());
  const card = JSON.parse(metadata(bytes).pixelwise);
  return { card, session: await ort.InferenceSession.create(bytes) };
}

/** Return the class id of each pixel of an ImageData, row by row. */
export async function labelMap({ card, session }, { data, width, height }) {
  const scale = card.side / Math.max(height, width);
  const step = card.logits_stride ?? 1;
  const [h, w] = [height, width].map((n) => step * Math.max(1, even(even(n * scale) / step)));
  const batch = new Float32Array(3 * h * w);
  for (let channel = 0; channel < 3; channel++) {
    const plane = Float32Array.from({ length: height * width }, (_, i) => data[4 * i + channel]);
    const small = resize(plane, height, width, h, w, scale < 1);
    batch.set(small.map(even), channel * h * w);
  }
  const image = new ort.Tensor("float32", batch, [1, 3, h, w]);
  const { logits } = await session.run({ image }, ["logits"]);
  const [, classes, rows, columns] = logits.dims;
  const best = new Float32Array(height * width).fill(-Infinity);
  const labels = new Uint8Array(height * width);
  for (let id = 0; id < classes; id++) {
    const plane = logits.data.subarray(id * rows * columns, (id + 1) * rows * columns);
    resize(plane, rows, columns, height, width, false).forEach((value, i) => {
      if (value > best[i]) [best[i], labels[i]] = [value, id];
    });
  }
  return labels;
}

/** Resize a plane as OpenCV does: by area, or bilinearly. */
function resize(plane, height, width, newHeight, newWidth, byArea) {
  const taps = byArea ? areas : neighbours;
  const [across, down] = [taps(width, newWidth), taps(height, newHeight)];
  const narrow = new Float32Array(height * newWidth);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < newWidth; x++)
      narrow[y * newWidth + x] = mixed(across[x], (i) => plane[y * width + i]);
  const made = new Float32Array(newHeight * newWidth);
  for (let y = 0; y < newHeight; y++)
    for (let x = 0; x < newWidth; x++)
      made[y * newWidth + x] = mixed(down[y], (i) => narrow[i * newWidth + x]);
  return made;
}

function mixed(taps, at) {
  let sum = 0;
  for (const [i, share] of taps) sum += share * at(i);
  return sum;
}

/** Return which old pixels each new one covers, with their shares. */
function areas(from, to) {
  const size = from / to;
  return Array.from({ length: to }, (_, k) => {
    const found = [];
    for (let i = Math.floor(k * size); i < Math.min(from, (k + 1) * size); i++) {
      const share = (Math.min(i + 1, (k + 1) * size) - Math.max(i, k * size)) / size;
      if (share > 1e-6) found.push([i, share]);
    }
    return found;
  });
}

/** Return the two old pixels on either side of each new one's centre, with their shares. */
function neighbours(from, to) {
  return Array.from({ length: to }, (_, k) => {
    const centre = Math.min(from - 1, Math.max(0, ((k + 0.5) * from) / to - 0.5));
    const low = Math.floor(centre);
    return [[low, 1 - (centre - low)], [Math.min(from - 1, low + 1), centre - low]];
  });
}

/** Round as Python and OpenCV do: halves to the even number. */
function even(value) {
  const low = Math.floor(value);
  if (value - low !== 0.5) return Math.round(value);
  return low % 2 ? low + 1 : low;
}

/** Return the metadata of an ONNX file: of the message ModelProto, the pairs in field 14. */
function metadata(bytes) {
  const found = {};
  for (const [field, value] of fields(bytes)) {
    if (field !== 14) continue;
    const pair = Object.fromEntries(fields(value));
    const [name, text] = [pair[1], pair[2]].map((part) => new TextDecoder().decode(part));
    found[name] = text;
  }
  return found;
}

/** Yield the numbers and contents of a protobuf message's fields. */
function* fields(bytes) {
  let at = 0;
  const number = () => {
    let value = 0;
    for (let weight = 1; ; weight *= 128) {
      const byte = bytes[at++];
      value += (byte & 127) * weight;
      if (byte < 128) return value;
    }
  };
  while (at < bytes.length) {
    const key = number();
    const [field, kind] = [Math.floor(key / 8), key % 8];
    if (kind === 0) {
      yield [field, number()];
      continue;
    }
    const length = kind === 2 ? number() : kind === 5 ? 4 : 8;
    yield [field, bytes.subarray(at, at + length)];
    at += length;
  }
}
