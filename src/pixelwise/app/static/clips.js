// Clips: sent with the background that is chosen, shown when they are done.

import * as api from "./api.js";
import { byId, el, iconButton } from "./dom.js";
import { notice } from "./hints.js";
import { app, changed } from "./state.js";
import { t } from "./strings.js";

const POLL_MS = 700;

/** Backgrounds of what moves. */
export const MOVING = ["blur", "colour"];

/** {id, name, done: 0..1, state} */
const clips = [];

export async function addClip(file) {
  if (!MOVING.includes(app.background.kind)) {
    notice(t("clip_background", { name: file.name }), "error");
    return;
  }
  const clip = { id: null, name: file.name, done: 0, state: "running" };
  clips.push(clip);
  changed("clips");
  try {
    clip.id = (await api.addClip(file, app.background)).id;
    await watch(clip);
  } catch (error) {
    clips.splice(clips.indexOf(clip), 1);
    notice(error.message, "error");
  }
  changed("clips");
}

async function watch(clip) {
  while (clip.state !== "done") {
    const now = await api.getClip(clip.id);
    if (now.state === "failed") throw new Error(now.message || t("clip_failed"));
    Object.assign(clip, { done: now.done, state: now.state });
    changed("clips");
    if (clip.state !== "done") await new Promise((go) => { setTimeout(go, POLL_MS); });
  }
  show(clip);
}

export function clipTiles() {
  return clips.map((clip) => {
    const percent = Math.round(100 * clip.done);
    const bar = el("progress", { max: "100", value: String(percent), "aria-hidden": "true" });
    const text = t("clip_running", { name: clip.name, n: percent });
    return el("li", {}, el("button", {
      type: "button", class: "tile clip", title: text, "aria-label": text, disabled: clip.state !== "done",
      onclick: () => show(clip),
    }, el("span", {}, t("clip")), bar));
  });
}

/** What ends with the screen that is open, or null. */
let onclose = null;

/** Take away what lies over the stage, if something does. */
export function closeScreen() {
  onclose?.();
  onclose = null;
  byId("screen").hidden = true;
  byId("screen").replaceChildren();
}

/** Lay something over the stage until it is closed. */
export function openScreen(title, content, ended = null) {
  closeScreen();
  onclose = ended;
  const screen = byId("screen");
  const close = () => {
    closeScreen();
    byId("canvas").focus();
  };
  screen.replaceChildren(
    el("header", { class: "screen-head" }, el("h2", {}, title), iconButton("close", t("close"), close)), ...content);
  screen.setAttribute("aria-label", title);
  screen.onkeydown = (event) => {
    if (event.key === "Escape") close();
  };
  screen.hidden = false;
  screen.querySelector("button").focus();
}

function show(clip) {
  const address = api.clipResult(clip.id);
  const name = `${clip.name.replace(/\.[^.]*$/, "")}.mp4`;
  openScreen(t("clip_title"), [
    el("video", { src: address, controls: true, loop: true, muted: true, autoplay: true, class: "screen-picture" }),
    el("p", { class: "row" }, el("a", { class: "button", href: address, download: name }, t("download_clip"))),
  ]);
}
