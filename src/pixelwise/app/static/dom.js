// Making elements. Nothing here takes HTML text: names of files and classes come from outside.

import { t } from "./strings.js";

const SVG = "http://www.w3.org/2000/svg";

export const byId = (id) => document.getElementById(id);

/** el("button", {class: "icon", onclick, "aria-label": "Save"}, child, "text", ...) */
export function el(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name in node && typeof value !== "string") node[name] = value;
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return node;
}

export function svg(tag, attributes = {}, ...children) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

export function icon(name) {
  return svg("svg", { "aria-hidden": "true" }, svg("use", { href: `#i-${name}` }));
}

/** A button with an icon alone; its name is read out and shown as a tip with its key. */
export function iconButton(name, label, onclick, key = "", more = {}) {
  return el("button", {
    type: "button", class: "icon", "aria-label": label, title: key ? `${label} (${key})` : label,
    onclick, ...more,
  }, icon(name));
}

export function swatch(colour) {
  const node = el("span", { class: "swatch", "aria-hidden": "true" });
  node.style.backgroundColor = `rgb(${colour.join(" ")})`;
  return node;
}

/** A slider with its name and value above it. */
export function slider({ label, min, max, step = 1, value, show = String, oninput, id }) {
  const out = el("output", {}, show(value));
  const input = el("input", { type: "range", id, min: String(min), max: String(max), step: String(step),
    oninput: () => {
      out.textContent = show(Number(input.value));
      oninput(Number(input.value));
    } });
  input.value = value;
  return el("label", { class: "field" }, el("span", { class: "field-name" }, label, out), input);
}

export function toggle({ label, checked, onchange, id }) {
  const input = el("input", { type: "checkbox", id, onchange: () => onchange(input.checked) });
  input.checked = checked;
  return el("label", { class: "check" }, input, el("span", {}, label));
}

/** Buttons of which one is chosen: arrow keys move, as in every radio group. */
export function segments(label, choices, chosen, onchoose) {
  const group = el("div", { class: "segments", role: "radiogroup", "aria-label": label });
  fillSegments(group, choices, chosen, onchoose);
  return group;
}

export function fillSegments(group, choices, chosen, onchoose) {
  const buttons = choices.map(({ value, text, title }) => el("button", {
    type: "button", role: "radio", "aria-checked": String(value === chosen), title,
    tabindex: value === chosen ? "0" : "-1", "data-value": value,
    onclick: () => onchoose(value),
  }, text));
  group.onkeydown = (event) => {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    event.stopPropagation();
    const at = buttons.findIndex((button) => button === document.activeElement);
    const next = choices[(at + step + choices.length) % choices.length].value;
    onchoose(next);
    group.querySelector(`[data-value="${next}"]`)?.focus();
  };
  group.replaceChildren(...buttons);
}

/** Write the texts of the page's own markup in the reader's language. */
export function translatePage(language) {
  document.documentElement.lang = language;
  for (const node of document.querySelectorAll("[data-text]")) node.textContent = t(node.dataset.text);
  for (const node of document.querySelectorAll("[data-label]")) {
    const label = t(node.dataset.label);
    node.setAttribute("aria-label", label);
    if (node.tagName === "BUTTON") node.title = node.dataset.key ? `${label} (${node.dataset.key})` : label;
  }
}
