// The server's answers. Addresses are relative: the page lies below its token.

import { t } from "./strings.js";

export class ApiError extends Error {
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

async function ask(path, options = {}) {
  let response;
  try {
    response = await fetch(path, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError(t("no_server"), 0);
  }
  if (response.ok) return response;
  const text = await response.text();
  let message = text;
  try {
    message = JSON.parse(text).error;
  } catch { /* Not one of our errors: its text as it is. */ }
  throw new ApiError(message || `HTTP ${response.status}`, response.status);
}

const json = async (path, options) => (await ask(path, options)).json();
const sent = (method, value) => ({
  method, body: JSON.stringify(value), headers: { "Content-Type": "application/json" } });
const at = (id, rest = "") => `photos/${encodeURIComponent(id)}${rest}`;
const query = (values) => new URLSearchParams(values).toString();

export const getState = () => json("state");
export const removePhoto = (id) => ask(at(id), { method: "DELETE" });
export const thumbnail = (id) => at(id, "/image?longest=192");
export const getImage = async (id, signal) => (await ask(at(id, "/image"), { signal })).blob();
export const getAnnotation = (id, signal) => json(at(id, "/annotation"), { signal });
export const putAnnotation = (id, annotation) => json(at(id, "/annotation"), sent("PUT", annotation));
export const segment = (id, request) => json(at(id, "/segment"), sent("POST", request));
export const downloadOf = (id, format) => at(id, `/download?${query({ format })}`);

function upload(path, file) {
  return json(path, {
    method: "POST",
    body: file,
    headers: { "X-Name": encodeURIComponent(file.name || "photo.png"), "Content-Type": file.type || "application/octet-stream" },
  });
}

export const addPhoto = (file) => upload("photos", file);

/** Ask until the network has answered; onplace(n) hears how many are before. */
export async function getAnswer(id, { signal, onplace, before = false }) {
  for (;;) {
    const response = await ask(at(id, before ? "/answer?weights=before" : "/answer"), { signal });
    if (response.status !== 202) return response.json();
    onplace?.((await response.json()).place);
    await new Promise((done) => { setTimeout(done, 500); });
    signal?.throwIfAborted();
  }
}

export async function getRegions(id, signal) {
  const [tree, map] = await Promise.all([
    json(at(id, "/regions"), { signal }),
    ask(at(id, "/regions/map"), { signal }).then((response) => response.blob()),
  ]);
  return { tree, map };
}

export const getBoundaries = async (id, signal) => (await ask(at(id, "/boundaries"), { signal })).blob();

/** Parameters of effect, clips and camera from app.background. */
export function effectQuery({ kind, strength, colour, crop }) {
  return query({ background: kind, strength, colour: colour.slice(1), crop: crop ? 1 : 0 });
}

export const effectAddress = (id, background) => at(id, `/effect?${effectQuery(background)}`);

export async function getEffect(id, background, signal) {
  const image = background.kind === "image" ? background.image : null;
  const options = image ? { method: "POST", body: image, signal } : { signal };
  return (await ask(effectAddress(id, background), options)).blob();
}

export const startTraining = (minutes) => json("train", sent("POST", { minutes }));
export const getTraining = () => json("train");
export const stopTraining = () => ask("train", { method: "DELETE" });

export const addClip = (file, background) => upload(`clips?${effectQuery(background)}`, file);
export const getClip = (id) => json(`clips/${encodeURIComponent(id)}`);
export const clipResult = (id) => `clips/${encodeURIComponent(id)}/result`;

export async function sendFrame(frame, background) {
  const response = await ask(`camera?${effectQuery(background)}`, {
    method: "POST", body: frame, headers: { "Content-Type": "image/jpeg" } });
  return response.blob();
}
