// The strip of photos and clips, and how they come: dropped, pasted, chosen.

import * as api from "./api.js";
import { byId, el, icon } from "./dom.js";
import { notice } from "./hints.js";
import { addClip, clipTiles } from "./clips.js";
import { forgetPhoto, refreshPhotos, unsavedIds } from "./session.js";
import { app, changed, on } from "./state.js";
import { t } from "./strings.js";

const VIDEO = /\.(mp4|mov|m4v|mkv|avi|webm|3gp|gif)$/i;

function stateOf(photo) {
  if (unsavedIds().includes(photo.id)) return "unsaved";
  return photo.state;
}

function tile(photo) {
  const state = stateOf(photo);
  const shown = app.session?.id === photo.id;
  const unsure = photo.unsure === null || photo.unsure === undefined || !["ready", "new"].includes(state)
    ? "" : `, ${t("photo_unsure", { n: Math.round(100 * photo.unsure) })}`;
  const text = `${photo.name}: ${t(`photo_${state}`)}${unsure}`;
  const image = el("img", { src: api.thumbnail(photo.id), alt: "", loading: "lazy", draggable: "false" });
  const button = el("button", {
    type: "button", class: "tile", "aria-label": text, title: text,
    "aria-current": shown ? "true" : null, "data-id": photo.id, "data-state": state,
    onclick: () => changed("open", photo.id),
  }, image, el("span", { class: "badge" }, ["corrected", "saved"].includes(state) ? icon("check") : ""));
  return el("li", {}, button);
}

/** Tiles by photo: kept, so that their images are not loaded again. */
const tiles = new Map();

function drawStrip() {
  const focused = document.activeElement?.closest?.(".tile")?.dataset.id;
  const items = app.photos.map((photo) => {
    const key = [stateOf(photo), photo.unsure, app.session?.id === photo.id].join();
    const kept = tiles.get(photo.id);
    if (kept?.key === key) return kept.item;
    const item = tile(photo);
    if (kept) item.querySelector("img").replaceWith(kept.item.querySelector("img"));
    tiles.set(photo.id, { key, item });
    return item;
  });
  for (const id of tiles.keys()) if (!app.photos.some((photo) => photo.id === id)) tiles.delete(id);
  byId("photos").replaceChildren(...items, ...clipTiles());
  byId("empty").hidden = app.photos.length > 0 || clipTiles().length > 0;
  document.body.toggleAttribute("data-empty", !app.photos.length);
  if (focused) byId("photos").querySelector(`[data-id="${CSS.escape(focused)}"]`)?.focus();
}

function showCurrent() {
  drawStrip();
  byId("photos").querySelector("[aria-current]")?.scrollIntoView({ block: "nearest", inline: "nearest" });
}

/** Send files one after the other; the first photo is shown as soon as it is there. */
export async function addFiles(files) {
  const limit = app.limits.bytes ?? 64 << 20;
  let first = null;
  for (const file of files) {
    if (file.size > limit) {
      notice(t("too_large", { name: file.name, limit: Math.round(limit / (1 << 20)) }), "error");
      continue;
    }
    if (file.type.startsWith("video/") || VIDEO.test(file.name)) {
      addClip(file);
      continue;
    }
    changed("busy", t("uploading", { name: file.name }));
    try {
      const photo = await api.addPhoto(file);
      app.photos = [...app.photos, photo];
      changed("photos");
      first ??= photo.id;
      if (first === photo.id) changed("open", first);
    } catch (error) {
      notice(error.message, "error");
    }
    changed("busy", null);
  }
}

export async function removeShown() {
  const id = app.session?.id;
  if (!id) return;
  const at = app.photos.findIndex((photo) => photo.id === id);
  await api.removePhoto(id);
  forgetPhoto(id);
  await refreshPhotos();
  const next = app.photos[Math.min(at, app.photos.length - 1)];
  if (next) changed("open", next.id);
  else {
    app.session = null;
    changed("photo", null);
  }
}

/** Step to the next or former photo of the strip. */
export function openNext(step) {
  if (!app.photos.length) return;
  const at = app.photos.findIndex((photo) => photo.id === app.session?.id);
  changed("open", app.photos[(at + step + app.photos.length) % app.photos.length].id);
}

function startDropping() {
  const drop = byId("drop");
  let depth = 0;
  const carriesFiles = (event) => event.dataTransfer?.types.includes("Files");
  const show = (event, step) => {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    depth += step;
    drop.hidden = depth <= 0;
  };
  addEventListener("dragenter", (event) => show(event, 1));
  addEventListener("dragleave", (event) => show(event, -1));
  addEventListener("dragover", (event) => show(event, 0));
  addEventListener("drop", (event) => {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    depth = 0;
    drop.hidden = true;
    addFiles([...event.dataTransfer.files]);
  });
  addEventListener("paste", (event) => addFiles([...(event.clipboardData?.files ?? [])]));
}

export function startStrip() {
  const files = byId("files");
  byId("add").onclick = () => files.click();
  byId("empty-add").onclick = () => files.click();
  files.onchange = () => {
    addFiles([...files.files]);
    files.value = "";
  };
  startDropping();
  on("photos clips annotation", drawStrip);
  on("photo", showCurrent);
}
