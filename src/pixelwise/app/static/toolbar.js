// The tool column and the options of the tool in use.

import { byId, el, icon, slider, toggle, segments } from "./dom.js";
import { app, changed, on } from "./state.js";
import { t } from "./strings.js";
import { TOOL_KEYS, useTool } from "./tools.js";
import { countAt, positionOf } from "./regions.js";

const RADIUS_SHARE = 0.012; // of the longer side of the photo, at first
const FIRST_REGIONS = 80;
const options = byId("options");

function drawTools() {
  byId("tools").replaceChildren(...TOOL_KEYS.map(([name, key]) => el("button", {
    type: "button", class: "tool", "data-tool": name, "aria-pressed": String(app.tool === name),
    title: `${t(`tool_${name}`)} (${key})`, onclick: () => useTool(name),
  }, icon(name), el("span", { class: "tool-name" }, t(`tool_${name}`)))));
}

function markTool() {
  for (const button of byId("tools").children) {
    button.setAttribute("aria-pressed", String(button.dataset.tool === app.tool));
    button.disabled = app.view === "background";
  }
  byId("canvas").dataset.tool = app.view === "background" ? "select" : app.tool;
}

/** Position on a slider 0..100 of a radius, and back: equal steps are equal factors. */
const largest = () => Math.max(...app.session.size) / 8;
const positionOfRadius = (radius) => 100 * Math.log(radius / 0.5) / Math.log(largest() / 0.5);
const radiusAt = (position) => 0.5 * (largest() / 0.5) ** (position / 100);

const takes = () => toggle({
  label: t("take"), id: "take", checked: app.take, onchange: (value) => { app.take = value; } });

const OPTIONS = {
  region: () => [scaleSlider("tool-scale"), takes()],
  brush: () => [sizeSlider(), takes()],
  eraser: () => [sizeSlider()],
  scribble: () => [
    segments(t("strokes"), [{ value: "on", text: t("on") }, { value: "off", text: t("off") }],
      app.off ? "off" : "on", (value) => {
        app.off = value === "off";
        drawOptions();
      }),
    takes(),
  ],
  box: () => [takes()],
};

function sizeSlider() {
  return slider({
    label: t("brush_size"), id: "size", min: 0, max: 100, value: positionOfRadius(app.radius),
    show: (value) => `${Math.max(1, Math.round(2 * radiusAt(value)))} px`,
    oninput: (value) => { app.radius = radiusAt(value); },
  });
}

export function scaleSlider(id) {
  const { tree } = app.session;
  return slider({
    label: t("region_count"), id, min: 0, max: 100, step: 0.5, value: app.scale,
    show: (value) => String(countAt(value, tree?.n ?? 2)), oninput: setScale,
  });
}

export function setScale(position) {
  app.scale = Math.min(100, Math.max(0, position));
  const { tree } = app.session;
  if (!tree) return;
  tree.cut(countAt(app.scale, tree.n));
  for (const id of ["tool-scale", "view-scale"]) {
    const input = byId(id);
    if (!input) continue;
    input.value = app.scale;
    input.parentElement.querySelector("output").textContent = String(tree.k);
  }
  changed("look");
}

function setRadius(radius) {
  app.radius = Math.min(largest(), Math.max(0.5, radius));
  const input = byId("size");
  if (!input) return;
  input.value = positionOfRadius(app.radius);
  input.parentElement.querySelector("output").textContent = `${Math.max(1, Math.round(2 * app.radius))} px`;
}

function drawOptions() {
  const make = app.session?.annotation && app.view !== "background" ? OPTIONS[app.tool] : null;
  options.hidden = !make;
  options.replaceChildren(...(make ? make() : []));
}

/** Finer or coarser, smaller or larger, whatever the tool in use has. */
export function stepOption(step) {
  if (!app.session) return;
  if (["brush", "eraser"].includes(app.tool)) setRadius(app.radius * 1.2 ** step);
  else setScale(app.scale + 3 * step);
}

export function startToolbar() {
  drawTools();
  on("tool view", markTool);
  on("tool view annotation-loaded", drawOptions);
  on("photo", (session) => {
    if (session) app.radius = Math.max(1, Math.round(RADIUS_SHARE * Math.max(...session.size)));
    drawOptions();
  });
  on("regions", ({ tree }) => {
    setScale(app.scaleChosen ? app.scale : positionOf(FIRST_REGIONS, tree.n));
    app.scaleChosen = true;
    drawOptions();
  });
  on("set-scale", setScale);
  on("set-radius", setRadius);
  on("use-tool", useTool);
  markTool();
}
