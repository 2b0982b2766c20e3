// The photo with its background blurred, cut out or replaced: the server makes it, the stage shows it.

import * as api from "./api.js";
import { byId, el, segments, slider, toggle } from "./dom.js";
import { savedFirst } from "./session.js";
import { setEffect } from "./stage.js";
import { app, changed, on } from "./state.js";
import { t } from "./strings.js";

const PAUSE_MS = 180; // after the last move of a slider
const KINDS = ["blur", "transparent", "colour", "image"];

let timer = 0;
let asking = new AbortController();

function ask() {
  clearTimeout(timer);
  timer = setTimeout(fetchEffect, PAUSE_MS);
}

async function fetchEffect() {
  const { session, background } = app;
  if (!session || app.view !== "background") return;
  if (background.kind === "image" && !background.image) return;
  if (session.annotation?.dirty) {
    // The server draws what it keeps; "saved" asks again.
    changed("save");
    return;
  }
  asking.abort();
  asking = new AbortController();
  changed("busy", t("rendering"));
  try {
    const blob = await api.getEffect(session.id, { ...background, crop: false }, asking.signal);
    const image = await createImageBitmap(blob);
    if (session === app.session) setEffect(image);
    changed("busy", null);
  } catch (error) {
    if (error.name === "AbortError") return;
    changed("busy", null);
    changed("failed", error);
  }
}

function set(values) {
  Object.assign(app.background, values);
  ask();
}

function imageChooser() {
  const input = el("input", { type: "file", accept: "image/*", id: "background-image", class: "out-of-sight",
    onchange: () => {
      if (!input.files.length) return;
      set({ image: input.files[0] });
      changed("background");
    } });
  const name = app.background.image?.name;
  return el("label", { class: "file" }, input, el("span", { class: "file-button" }, t("choose_image")),
    el("span", { class: "dim" }, name ?? ""));
}

function colourChooser() {
  const input = el("input", { type: "color", id: "background-colour", value: app.background.colour,
    oninput: () => set({ colour: input.value }) });
  return el("label", { class: "field inline" }, el("span", {}, t("colour")), input);
}

/** What stands in the panel in this view. */
export function backgroundOptions() {
  const { kind, strength, crop } = app.background;
  const more = {
    blur: () => slider({ label: t("strength"), id: "strength", min: 5, max: 100, value: 100 * strength,
      show: (value) => `${Math.round(value)} %`, oninput: (value) => set({ strength: value / 100 }) }),
    transparent: () => null,
    colour: colourChooser,
    image: imageChooser,
  }[kind]();
  return [
    el("h2", {}, t("background")),
    segments(t("background"), KINDS.map((value) => ({ value, text: t(`background_${value}`) })), kind, (value) => {
      set({ kind: value });
      changed("background");
    }),
    ...(more ? [more] : []),
    toggle({ label: t("crop"), id: "crop", checked: crop, onchange: (value) => { app.background.crop = value; } }),
    el("button", { type: "button", class: "wide", id: "download-result", onclick: download }, t("download_result")),
  ];
}

async function download() {
  const { session, background } = app;
  if (!await savedFirst(session)) return;
  try {
    const blob = await api.getEffect(session.id, background);
    const photo = app.photos.find((one) => one.id === session.id);
    const suffix = blob.type === "image/jpeg" ? "jpg" : "png";
    saveBlob(blob, `${photo.name.replace(/\.[^.]*$/, "")}_${background.kind}.${suffix}`);
  } catch (error) {
    changed("failed", error);
  }
}

/** Hand the browser a file to keep. */
export function saveBlob(blob, name) {
  const address = URL.createObjectURL(blob);
  const link = el("a", { href: address, download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 10000);
}

export function startBackground() {
  on("view photo", () => {
    if (app.view === "background") {
      byId("stage").dataset.view = "background";
      ask();
    } else {
      delete byId("stage").dataset.view;
      asking.abort();
      changed("busy", null);
    }
  });
  on("saved", (id) => {
    if (app.view === "background" && id === app.session?.id) ask();
  });
}
