// Colours of instances, and colours as the 32 bits that canvases keep (ABGR, little end first).

/** (r, g, b) of an instance: hues far apart for ids that follow each other. */
export function instanceColour(id) {
  const hue = (id * 137.508 + 185) % 360;
  const light = 0.58 + 0.08 * ((id >> 1) % 3);
  const part = (n) => {
    const k = (n + hue / 30) % 12;
    const a = 0.72 * Math.min(light, 1 - light);
    return Math.round(255 * (light - a * Math.max(-1, Math.min(k - 3, 9 - k, 1))));
  };
  return [part(0), part(8), part(4)];
}

export function word([r, g, b], alpha) {
  return ((Math.round(255 * alpha) << 24) | (b << 16) | (g << 8) | r) >>> 0;
}

/** The same colour, light enough for a line over a photo. */
export function lineColour(colour) {
  const light = Math.max(...colour);
  return light >= 160 ? colour : colour.map((value) => Math.round(value + (160 - light)));
}
