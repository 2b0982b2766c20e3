// The camera live: each frame goes to pixelwise on this machine and comes back with its background
// blurred or replaced. One frame is under way at a time, so a slow machine shows fewer.

import * as api from "./api.js";
import { closeScreen, MOVING, openScreen } from "./clips.js";
import { el, segments, slider } from "./dom.js";
import { notice } from "./hints.js";
import { app } from "./state.js";
import { t } from "./strings.js";

const WIDTH = 640;
const QUALITY = 0.85;

export async function openCamera() {
  const video = el("video", { muted: true, autoplay: true, playsinline: true });
  let stream = null;
  const stop = () => {
    for (const track of stream?.getTracks() ?? []) track.stop();
  };
  try {
    stream = await navigator.mediaDevices.getUserMedia({ video: { width: WIDTH }, audio: false });
    video.srcObject = stream;
    await video.play();
  } catch (error) {
    stop();
    notice(t("camera_denied", { why: error.message || error.name }), "error");
    return;
  }
  const picture = el("canvas", { class: "screen-picture", role: "img", "aria-label": t("camera_title") });
  const rate = el("output", { class: "dim" });
  const running = { on: true };
  openScreen(t("camera_title"), [picture, el("div", { class: "row screen-options" }, controls(), rate)], () => {
    running.on = false;
    stop();
  });
  show(video, picture, rate, running);
}

function controls() {
  const { background } = app;
  if (!MOVING.includes(background.kind)) background.kind = "blur";
  const group = el("div", { class: "row" });
  const fill = () => group.replaceChildren(
    segments(t("background"), MOVING.map((value) => ({ value, text: t(`background_${value}`) })), background.kind,
      (value) => {
        background.kind = value;
        fill();
      }),
    slider({ label: t("strength"), min: 5, max: 100, value: 100 * background.strength,
      show: (value) => `${Math.round(value)} %`, oninput: (value) => { background.strength = value / 100; } }));
  fill();
  return group;
}

async function show(video, picture, rate, running) {
  const frame = new OffscreenCanvas(video.videoWidth, video.videoHeight);
  [picture.width, picture.height] = [frame.width, frame.height];
  const times = [];
  while (running.on) {
    frame.getContext("2d").drawImage(video, 0, 0);
    try {
      const blob = await frame.convertToBlob({ type: "image/jpeg", quality: QUALITY });
      const answer = await createImageBitmap(await api.sendFrame(blob, app.background));
      picture.getContext("2d").drawImage(answer, 0, 0, picture.width, picture.height);
      answer.close();
    } catch (error) {
      if (!running.on) return;
      closeScreen();
      notice(error.message, "error");
      return;
    }
    times.push(performance.now());
    if (times.length > 10) times.shift();
    if (times.length > 1) {
      const seconds = (times.at(-1) - times[0]) / 1000;
      rate.textContent = t("frames", { n: ((times.length - 1) / seconds).toFixed(1) });
    }
  }
}
