// Training on what was saved: start, watch, stop, go on, and compare before with after.

import * as api from "./api.js";
import { compare } from "./compare.js";
import { curve } from "./curves.js";
import { byId, el } from "./dom.js";
import { forgetAnswers, refreshPhotos, save, unsavedIds } from "./session.js";
import { app, changed, on } from "./state.js";
import { t } from "./strings.js";

const POLL_MS = 1000;
const MINUTES = 10;

let training = { state: "idle", epoch: 0, epochs: 0, losses: [], scores: [], message: "" };
let minutes = MINUTES;
let starting = false;
let watching = false;

const savedCount = () => app.photos.filter((photo) => photo.state === "saved").length;

function statusText() {
  const { state, epoch, epochs } = training;
  if (state === "running" && !epoch) return t("train_starting");
  return t(`train_${state}`, { epoch, epochs });
}

function minutesField() {
  const input = el("input", { type: "number", id: "minutes", min: "1", max: "600", value: String(minutes),
    onchange: () => { minutes = Math.min(600, Math.max(1, Number(input.value) || MINUTES)); } });
  return el("label", { class: "field inline" }, el("span", {}, t("minutes")), input);
}

function buttons() {
  const { state } = training;
  if (state === "running") return [el("button", { type: "button", class: "strong", onclick: stop }, t("stop"))];
  const enough = savedCount() + unsavedIds().length > 0;
  return [
    // A run that is resumed keeps the time it was given.
    ...(state === "stopped" ? [] : [minutesField()]),
    el("button", { type: "button", class: "strong", id: "train-start", disabled: !enough || starting, onclick: start },
      t(state === "stopped" ? "resume" : "start")),
  ];
}

function draw() {
  const pane = byId("pane-train");
  const focused = document.activeElement?.id;
  const { state, epoch, epochs, losses, scores, message } = training;
  if (!app.canTrain) return pane.replaceChildren(el("p", { class: "dim" }, t("train_cannot")));
  const enough = savedCount() + unsavedIds().length > 0;
  pane.replaceChildren(el("section", { class: "group" },
    el("p", {}, t("train_intro", { weights: app.weights })),
    el("p", { class: "dim" }, enough ? t("train_count", { n: savedCount() }) : t("train_none")),
    el("div", { class: "row" }, buttons()),
    ...(state === "idle" ? [] : [
      el("p", { class: "train-state", role: "status" }, statusText()),
      el("progress", { max: String(epochs || 1), value: String(epoch), "aria-label": statusText() }),
      ...(message ? [el("p", { class: state === "failed" ? "error" : "dim" }, message)] : []),
      ...(losses.length ? [curve(t("loss"), losses, epochs)] : []),
      ...(scores.length ? [curve(t("score"), scores, epochs)] : []),
    ])), ...(state === "done" ? [comparison()] : []));
  if (focused) byId(focused)?.focus();
  return pane;
}

function comparison() {
  const others = app.photos.filter((photo) => !["corrected", "saved"].includes(photo.state));
  const show = async (id) => {
    await changed("open", id);
    if (app.session?.id === id) await compare("before");
  };
  return el("section", { class: "group" }, el("h2", {}, t("compare_answers")), el("p", { class: "dim" }, t("compare_text")),
    el("ul", { class: "rows" }, others.map((photo) => el("li", { class: "row-item" },
      el("button", { type: "button", class: "row-button", onclick: () => show(photo.id) }, photo.name)))));
}

async function start() {
  starting = true;
  draw();
  try {
    for (const id of unsavedIds()) await save(id);
    training = { ...training, ...await api.startTraining(minutes), state: "running" };
    watch();
  } catch (error) {
    changed("failed", error);
  }
  starting = false;
  draw();
}

async function stop() {
  try {
    await api.stopTraining();
    training = await api.getTraining();
    draw();
  } catch (error) {
    changed("failed", error);
  }
}

async function watch() {
  if (watching) return;
  watching = true;
  try {
    while (training.state === "running") {
      await new Promise((go) => { setTimeout(go, POLL_MS); });
      training = await api.getTraining();
      draw();
    }
    if (training.state === "done") await useNewWeights();
  } catch (error) {
    changed("failed", error);
  }
  watching = false;
}

async function useNewWeights() {
  await refreshPhotos();
  forgetAnswers();
  const shown = app.photos.find((photo) => photo.id === app.session?.id);
  if (shown && !["corrected", "saved"].includes(shown.state)) changed("open", shown.id);
  draw();
}

export async function startTrain() {
  on("photos annotation", draw);
  draw();
  if (!app.canTrain) return;
  training = await api.getTraining();
  draw();
  if (training.state === "running") watch();
}
