// Starts the page: its parts, the photos the server has, and what the bar at the top does.

import * as api from "./api.js";
import { redo, undo } from "./actions.js";
import { startBackground } from "./background.js";
import { openCamera } from "./camera.js";
import { closeScreen } from "./clips.js";
import { startCompare } from "./compare.js";
import { byId, fillSegments, translatePage } from "./dom.js";
import { notice, startHints } from "./hints.js";
import { openHelp, startKeys } from "./keys.js";
import { openPanel, showTab, startPanel } from "./panel.js";
import { startPointer } from "./pointer.js";
import { openPhoto, refreshPhotos, save, savedFirst, unsavedIds } from "./session.js";
import { fitPhoto, startStage, viewport, zoomBy } from "./stage.js";
import { app, changed, on } from "./state.js";
import { removeShown, startStrip } from "./strip.js";
import { language, t } from "./strings.js";
import { startToolbar } from "./toolbar.js";
import { startTrain } from "./train.js";

const VIEWS = ["classes", "instances", "regions", "boundaries", "background"];

function showView(view) {
  app.view = view;
  drawViews();
  remember();
  changed("view");
}

function drawViews() {
  fillSegments(byId("views"), VIEWS.map((value, i) => (
    { value, text: t(`view_${value}`), title: `${t(`view_${value}`)} (${i + 1})` })), app.view, showView);
}

function showBusy(text) {
  byId("busy").hidden = !text;
  byId("busy").textContent = text ?? "";
}

async function open(id) {
  closeScreen();
  try {
    await openPhoto(id, (what, n) => showBusy(what && t(what, { n })));
  } catch (error) {
    if (error.name === "AbortError") return;
    showBusy(null);
    changed("failed", error);
  }
}

/** The photo and view shown stand in the address, so that a reload finds them again. */
function remember() {
  const id = app.session?.id;
  history.replaceState(null, "", id ? `#${id}/${app.view}` : "#");
}

async function saveShown() {
  if (!app.session?.annotation) return;
  try {
    await save(app.session.id);
    notice(app.save ? t("saved_in", { folder: app.save }) : `${t("saved")}. ${t("kept")}`);
  } catch (error) {
    changed("failed", error);
  }
  drawBar();
}

function drawBar() {
  const annotation = app.session?.annotation;
  byId("undo").disabled = !annotation?.past.length;
  byId("redo").disabled = !annotation?.future.length;
  byId("save").disabled = !annotation;
  byId("save").toggleAttribute("data-unsaved", Boolean(annotation?.dirty));
  byId("weights").textContent = app.weights;
  const percent = `${Math.round(100 * viewport.scale)} %`;
  byId("zoom-value").textContent = percent;
  byId("zoom-value").setAttribute("aria-label", `${percent}: ${t("zoom_actual")}`);
  byId("zoom-value").title = t("zoom_actual");
}

async function download(format) {
  const { session } = app;
  if (!session?.annotation) return;
  byId("menu").hidePopover();
  // A file must show what is on the stage, so it is kept first.
  if (!await savedFirst(session)) return;
  const link = document.createElement("a");
  link.href = api.downloadOf(session.id, format);
  link.download = "";
  link.click();
}

function startMenu() {
  for (const button of document.querySelectorAll("[data-download]")) {
    button.onclick = () => download(button.dataset.download);
  }
  const chosen = (id, act) => {
    byId(id).onclick = () => {
      byId("menu").hidePopover();
      act();
    };
  };
  chosen("menu-train", () => {
    showTab("train");
    openPanel(true);
  });
  chosen("menu-camera", openCamera);
  chosen("menu-remove", () => removeShown().catch((error) => changed("failed", error)));
  chosen("menu-help", openHelp);
  byId("empty-camera").onclick = openCamera;
}

function startBar() {
  byId("undo").onclick = undo;
  byId("redo").onclick = redo;
  byId("save").onclick = saveShown;
  byId("zoom-in").onclick = () => zoomBy(1.25);
  byId("zoom-out").onclick = () => zoomBy(0.8);
  byId("zoom-value").onclick = () => zoomBy(1 / viewport.scale);
  byId("zoom-fit").onclick = fitPhoto;
  on("photo annotation selection zoom photos", drawBar);
  on("save", saveShown);
  on("show-view", showView);
  on("open", open);
  on("photo", remember);
  on("busy", showBusy);
  addEventListener("beforeunload", (event) => {
    if (unsavedIds().length) event.preventDefault();
  });
}

async function start() {
  translatePage(language);
  startHints();
  startStage();
  startToolbar();
  startPanel();
  startBackground();
  startCompare();
  startStrip();
  startPointer();
  startKeys();
  startMenu();
  startBar();
  const [id, view] = location.hash.slice(1).split("/");
  app.view = VIEWS.includes(view) ? view : app.view;
  drawViews();
  await refreshPhotos();
  changed("view");
  const first = app.photos.find((photo) => photo.id === id) ?? app.photos[0];
  if (first) open(first.id);
  await startTrain();
}

start().catch((error) => changed("failed", error));
