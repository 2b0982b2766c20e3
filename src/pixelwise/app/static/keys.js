// The keys of the page, and the sheet that lists them.

import { mergeSelected, newInstance, redo, removeSelected, select, selectNext, splitSelected, undo } from "./actions.js";
import { byId, el, iconButton } from "./dom.js";
import { fitPhoto, zoomBy } from "./stage.js";
import { openNext } from "./strip.js";
import { app, changed } from "./state.js";
import { t } from "./strings.js";
import { stepOption } from "./toolbar.js";
import { currentTool, TOOL_KEYS, useTool } from "./tools.js";

const VIEWS = ["classes", "instances", "regions", "boundaries", "background"];

const KEYS = {
  n: newInstance,
  m: mergeSelected,
  p: splitSelected,
  c: () => byId("class")?.focus(),
  delete: removeSelected,
  backspace: removeSelected,
  escape: () => {
    currentTool().cancel();
    select([]);
  },
  "+": () => zoomBy(1.25),
  "=": () => zoomBy(1.25),
  "-": () => zoomBy(0.8),
  0: fitPhoto,
  "[": () => stepOption(-1),
  "]": () => stepOption(1),
  ",": () => selectNext(-1),
  ".": () => selectNext(1),
  pageup: () => openNext(-1),
  pagedown: () => openNext(1),
  "\\": () => byId("compare").click(),
  "?": openHelp,
  ...Object.fromEntries(VIEWS.map((view, i) => [String(i + 1), () => changed("show-view", view)])),
  ...Object.fromEntries(TOOL_KEYS.map(([name, key]) => [key.toLowerCase(), () => useTool(name)])),
};

const WITH_CONTROL = { s: () => changed("save"), z: undo, y: redo };

/** Whether a key belongs to the field it was pressed in. */
function isField(target, key) {
  if (target.closest("select, textarea, input[type=number], input[type=text]")) return true;
  if (target.closest("#help, [popover]")) return true;
  const moves = ["pageup", "pagedown", "home", "end"];
  return Boolean(target.closest("input[type=range]")) && moves.includes(key);
}

function pressed(event) {
  const key = event.key.toLowerCase();
  if (event.ctrlKey || event.metaKey) {
    const act = key === "z" && event.shiftKey ? redo : WITH_CONTROL[key];
    if (!act || event.altKey) return;
    event.preventDefault();
    if (key !== "s" || !event.repeat) act();
    return;
  }
  if (event.altKey || isField(event.target, key)) return;
  if (key === "h" && !event.repeat) showColours(false);
  const act = KEYS[key];
  if (!act) return;
  event.preventDefault();
  act();
}

let opacity = null;

/** Hide the colours while H is held. */
function showColours(shown) {
  if (shown && opacity !== null) app.opacity = opacity;
  if (!shown) [opacity, app.opacity] = [app.opacity, 0];
  else opacity = null;
  byId("stage").toggleAttribute("data-plain", !shown);
  changed("look");
}

const SHEET = [
  ["help_tools", TOOL_KEYS.map(([name, key]) => [[key], `tool_${name}`])],
  ["help_move", [
    [["↑ ↓ ← →"], "key_arrows"], [["Enter"], "key_enter"], [["Space"], "key_space"], [["+", "−", "0"], "key_zoom"],
    [["Wheel"], "key_wheel"], [["PgUp", "PgDn"], "key_photos"], [["[", "]"], "key_scale"],
  ]],
  ["help_edit", [
    [[",", "."], "key_next"], [["N"], "key_new"], [["C"], "key_class"], [["M"], "key_merge"], [["P"], "key_split"],
    [["Del"], "key_delete"], [["Shift"], "key_shift"], [["Alt"], "key_alt"], [["Esc"], "key_escape"],
  ]],
  ["help_page", [
    [["1", "…", "5"], "key_views"], [["H"], "key_hide"], [["\\"], "compare"], [["Ctrl+Z"], "undo"],
    [["Ctrl+Shift+Z"], "redo"], [["Ctrl+S"], "save"], [["?"], "key_help"],
  ]],
];

export function openHelp() {
  const help = byId("help");
  const keyNames = (keys) => keys.map((key) => (key === "…" ? "–" : el("kbd", {}, key)));
  help.replaceChildren(
    el("header", { class: "screen-head" }, el("h2", { id: "help-title" }, t("help_title")),
      iconButton("close", t("close"), () => help.close())),
    el("div", { class: "help-columns" }, SHEET.map(([title, rows]) => el("section", {}, el("h3", {}, t(title)),
      el("dl", {}, rows.map(([keys, text]) => el("div", {}, el("dt", {}, keyNames(keys)), el("dd", {}, t(text)))))))));
  help.showModal();
}

export function startKeys() {
  addEventListener("keydown", pressed);
  addEventListener("keyup", (event) => {
    if (event.key.toLowerCase() === "h" && opacity !== null) showColours(true);
  });
}
