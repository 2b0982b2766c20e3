// A line chart of numbers over the epochs, as SVG.

import { el, svg } from "./dom.js";

const WIDTH = 260, HEIGHT = 84, LEFT = 34, RIGHT = 6, TOP = 8, BOTTOM = 16;

/** values: one number an epoch; null where there is none. */
export function curve(title, values, epochs) {
  const known = values.map((value, i) => [i, value]).filter(([, value]) => Number.isFinite(value));
  const last = known.at(-1)?.[1];
  const low = Math.min(...known.map(([, value]) => value), known.length ? Infinity : 0);
  const high = Math.max(...known.map(([, value]) => value), known.length ? -Infinity : 1);
  const span = high - low || 1;
  const across = Math.max(1, Math.max(epochs, values.length) - 1);
  const x = (i) => LEFT + ((WIDTH - LEFT - RIGHT) * i) / across;
  const y = (value) => HEIGHT - BOTTOM - ((HEIGHT - TOP - BOTTOM) * (value - low)) / span;
  const text = (at, height, value, anchor) => svg("text", { x: at, y: height, "text-anchor": anchor }, value);
  const chart = svg("svg", { class: "curve", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, "aria-hidden": "true" },
    svg("path", { class: "axis", d: `M${LEFT} ${TOP}V${HEIGHT - BOTTOM}H${WIDTH - RIGHT}` }),
    text(LEFT - 5, TOP + 6, short(high), "end"), text(LEFT - 5, HEIGHT - BOTTOM, short(low), "end"),
    text(LEFT, HEIGHT - 3, "1", "middle"), text(WIDTH - RIGHT, HEIGHT - 3, String(across + 1), "end"));
  if (known.length) {
    const d = known.map(([i, value], n) => `${n ? "L" : "M"}${x(i).toFixed(1)} ${y(value).toFixed(1)}`).join("");
    const [i, value] = known.at(-1);
    chart.append(svg("path", { class: "line", d }), svg("circle", { cx: x(i), cy: y(value), r: 2.5 }));
  }
  return el("figure", {}, el("figcaption", {}, el("span", {}, title), el("span", { class: "number" }, short(last))), chart);
}

function short(value) {
  if (!Number.isFinite(value)) return "";
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(value >= 1 ? 2 : 3);
}
