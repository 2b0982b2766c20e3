// The panel: its two tabs, what the view can be told, the legend and the list of instances.

import {
  assignClass, mergeSelected, nameOf, newInstance, removeSelected, select, splitSelected, toggleSelected,
} from "./actions.js";
import { backgroundOptions } from "./background.js";
import { instanceColour } from "./colours.js";
import { byId, el, icon, iconButton, slider, swatch } from "./dom.js";
import { app, assignableClasses, changed, classOf, on } from "./state.js";
import { className, t } from "./strings.js";
import { scaleSlider } from "./toolbar.js";

function drawViewOptions() {
  const group = byId("view-options");
  if (!app.session) return group.replaceChildren();
  group.hidden = false;
  if (app.view === "background") return group.replaceChildren(...backgroundOptions());
  const opacity = slider({
    label: t("opacity"), id: "opacity", min: 0, max: 100, value: 100 * app.opacity,
    show: (value) => `${value} %`,
    oninput: (value) => {
      app.opacity = value / 100;
      changed("look");
    },
  });
  const parts = app.view === "boundaries" ? [] : [opacity];
  if (app.view === "regions") parts.unshift(scaleSlider("view-scale"));
  group.hidden = !parts.length;
  return group.replaceChildren(...parts);
}

/** An eye that hides and shows something. */
function eye(set, id, name) {
  const hidden = set.has(id);
  return iconButton(hidden ? "hidden" : "eye", t(hidden ? "show" : "hide", { name }), () => {
    if (!set.delete(id)) set.add(id);
    changed("look");
    drawLists();
  }, "", { "aria-pressed": String(hidden), class: "icon small" });
}

function highlights(what) {
  const set = (value) => () => {
    app.highlight = value;
    changed("look");
  };
  return { onpointerenter: set(what), onpointerleave: set(null) };
}

/** Areas by class in percent of the photo, largest first. */
function areas({ owner, byId: instances }) {
  const pixels = new Map();
  const counts = new Uint32Array(65536);
  for (let i = 0; i < owner.length; i++) counts[owner[i]]++;
  for (const [id, { classId }] of instances) pixels.set(classId, (pixels.get(classId) ?? 0) + counts[id]);
  return [...pixels].map(([classId, n]) => ({ classId, share: (100 * n) / owner.length }))
    .sort((a, b) => b.share - a.share);
}

function drawLegend() {
  const group = byId("legend");
  const annotation = app.session?.annotation;
  group.hidden = !annotation || app.view !== "classes";
  if (group.hidden) return;
  const rows = areas(annotation).map(({ classId, share }) => {
    const { name, colour } = classOf(classId);
    return el("li", { class: "row-item", ...highlights({ classId }) },
      swatch(colour), el("span", { class: "grow" }, className(name)),
      el("span", { class: "number" }, `${share < 0.1 ? share.toFixed(2) : share.toFixed(1)} %`),
      eye(app.hiddenClasses, classId, className(name)));
  });
  group.replaceChildren(el("h2", {}, t("legend_classes")),
    rows.length ? el("ul", { class: "rows" }, rows) : el("p", { class: "dim" }, t("legend_none")));
}

function classSelect(label, chosen, onchoose, id) {
  const choices = assignableClasses().map((one) => {
    const option = el("option", { value: String(one.id) }, className(one.name));
    option.selected = one.id === chosen;
    return option;
  });
  return el("select", { id, "aria-label": label, onchange: (event) => onchoose(Number(event.target.value)) }, choices);
}

function instanceRow(instance, annotation) {
  const { id, classId, score, bitmap } = instance;
  const name = nameOf(instance);
  const chosen = annotation.selection.includes(id);
  const note = !bitmap.height ? t("no_pixels") : score === null ? "" : t("sure", { n: Math.round(100 * score) });
  const colour = app.view === "classes" ? classOf(classId).colour : instanceColour(id);
  return el("li", { class: "row-item", "data-id": String(id), ...highlights({ id }) },
    el("button", {
      type: "button", class: "row-button", "aria-pressed": String(chosen), title: note,
      onclick: (event) => (event.shiftKey || event.ctrlKey || event.metaKey ? toggleSelected(id) : select([id])),
    }, swatch(colour), el("span", { class: "grow" }, name), el("span", { class: "number" }, note)),
    eye(app.hiddenInstances, id, name));
}

function instanceTools(annotation) {
  const { selection, target } = annotation;
  const button = (name, label, key, act, enabled) => el("button", {
    type: "button", class: "labelled", title: `${label} (${key})`, onclick: act, disabled: !enabled,
  }, icon(name), label);
  return [
    el("div", { class: "row" },
      classSelect(target ? t("class_of", { name: nameOf(target) }) : t("new_class"),
        target ? target.classId : app.newClass, assignClass, "class"),
      button("plus", t("new_instance"), "N", newInstance, true)),
    el("div", { class: "row" },
      button("merge", t("merge"), "M", mergeSelected, selection.length > 0),
      button("parts", t("split"), "P", splitSelected, selection.length === 1),
      button("trash", t("remove"), "Del", removeSelected, selection.length > 0)),
  ];
}

function drawInstances() {
  const group = byId("instances");
  const annotation = app.session?.annotation;
  group.hidden = !annotation || app.view === "background";
  if (group.hidden) return;
  const focused = document.activeElement?.closest?.("#instances li")?.dataset.id;
  const { instances } = annotation;
  group.replaceChildren(
    el("h2", {}, t("instances_title"), el("span", { class: "count" }, String(instances.length))),
    ...instanceTools(annotation),
    instances.length
      ? el("ul", { class: "rows", id: "instance-list" }, instances.map((one) => instanceRow(one, annotation)))
      : el("p", { class: "dim" }, t("instances_none")));
  if (focused) group.querySelector(`li[data-id="${focused}"] .row-button`)?.focus();
  if (annotation.target) {
    group.querySelector(`li[data-id="${annotation.target.id}"]`)?.scrollIntoView({ block: "nearest" });
  }
}

let planned = false;

/** Draw the lists once for all the changes of one frame. */
export function drawLists() {
  if (planned) return;
  planned = true;
  requestAnimationFrame(() => {
    planned = false;
    drawLegend();
    drawInstances();
  });
}

export function showTab(name) {
  for (const tab of ["look", "train"]) {
    const chosen = tab === name;
    byId(`tab-${tab}`).setAttribute("aria-selected", String(chosen));
    byId(`tab-${tab}`).tabIndex = chosen ? 0 : -1;
    byId(`pane-${tab}`).hidden = !chosen;
  }
}

/** On a narrow screen the panel lies over the stage and is opened and closed. */
export function openPanel(open) {
  byId("panel").toggleAttribute("data-open", open);
  byId("panel-open").setAttribute("aria-expanded", String(open));
}

export function startPanel() {
  for (const tab of ["look", "train"]) {
    byId(`tab-${tab}`).onclick = () => showTab(tab);
    byId(`tab-${tab}`).onkeydown = (event) => {
      if (!["ArrowLeft", "ArrowRight"].includes(event.key)) return;
      const other = tab === "look" ? "train" : "look";
      showTab(other);
      byId(`tab-${other}`).focus();
    };
  }
  byId("panel-open").onclick = () => openPanel(!byId("panel").hasAttribute("data-open"));
  byId("panel-close").onclick = () => openPanel(false);
  on("view photo regions", drawViewOptions);
  on("background", drawViewOptions);
  on("photo annotation selection view options", drawLists);
}
