// Mouse, pen, fingers and keys on the canvas become points of the image for the tool in use.
// Two fingers, the middle button and Space with a drag move the photo, whatever the tool.

import { byId } from "./dom.js";
import { panBy, setCrosshair, viewport, zoomBy } from "./stage.js";
import { app } from "./state.js";
import { currentTool } from "./tools.js";

const canvas = byId("canvas");
/** Pointers that are down: id -> {x, y} in CSS px of the stage. */
const down = new Map();
let mode = null; // null, "tool", "pan" or "pinch"
let spaceHeld = false;
let cursor = null; // the keyboard's point, in CSS px of the stage
let penDown = false;

function stagePoint(event) {
  const rect = canvas.getBoundingClientRect();
  return { x: event.clientX - rect.left, y: event.clientY - rect.top };
}

/** A point for tools: pixels of the image, with what was held. */
function toolPoint(at, event) {
  return {
    ...viewport.toImage(at),
    stage: at,
    shift: event.shiftKey,
    alternate: event.altKey || event.button === 2 || (event.buttons & 2) !== 0,
    touch: event.pointerType === "touch",
  };
}

function press(event) {
  if (!app.session) return;
  canvas.focus({ preventScroll: true });
  hideCursor();
  const at = stagePoint(event);
  down.set(event.pointerId, at);
  canvas.setPointerCapture(event.pointerId);
  if (down.size === 2) {
    if (mode === "tool") currentTool().cancel();
    mode = "pinch";
  } else if (event.button === 1 || spaceHeld) {
    mode = "pan";
    canvas.dataset.panning = "";
  } else if (down.size === 1 && app.session.annotation && app.view !== "background") {
    mode = "tool";
    currentTool().down(toolPoint(at, event));
  } else mode = "pan";
}

function move(event) {
  const at = stagePoint(event);
  const last = down.get(event.pointerId);
  if (mode === "pinch" && last) pinch(event.pointerId, at);
  else if (mode === "pan" && last) panBy(at.x - last.x, at.y - last.y);
  else if (mode === "tool" && last) {
    for (const one of event.getCoalescedEvents?.() ?? []) currentTool().move(toolPoint(stagePoint(one), event));
    currentTool().move(toolPoint(at, event));
  } else if (!last && app.session?.annotation && app.view !== "background") {
    hideCursor();
    currentTool().hover(toolPoint(at, event));
  }
  if (last) down.set(event.pointerId, at);
}

function release(event) {
  if (!down.delete(event.pointerId)) return;
  delete canvas.dataset.panning;
  if (mode === "tool") {
    if (event.type === "pointercancel") currentTool().cancel();
    else currentTool().up(toolPoint(stagePoint(event), event));
  }
  if (!down.size) mode = null;
  else if (mode === "tool") mode = "pan";
}

function pinch(id, at) {
  const other = [...down].find(([key]) => key !== id)[1];
  const last = down.get(id);
  const before = Math.hypot(last.x - other.x, last.y - other.y);
  const now = Math.hypot(at.x - other.x, at.y - other.y);
  const middle = { x: (at.x + other.x) / 2, y: (at.y + other.y) / 2 };
  panBy((at.x - last.x) / 2, (at.y - last.y) / 2);
  if (before > 0 && now > 0) zoomBy(now / before, middle);
}

function wheel(event) {
  event.preventDefault();
  const amount = (event.deltaY || event.deltaX) * (event.deltaMode === 1 ? 16 : 1);
  if (event.ctrlKey || event.metaKey) zoomBy(Math.exp(-amount / 180), stagePoint(event));
  else if (!currentTool().wheel(amount, event)) zoomBy(Math.exp(-amount / 400), stagePoint(event));
}

// The keyboard's pointer: arrows move it, Enter presses and lifts.

function hideCursor() {
  if (!cursor) return;
  cursor = null;
  setCrosshair(null);
}

function moveCursor(dx, dy, event) {
  const { width, height } = viewport.stage;
  cursor ??= { x: width / 2, y: height / 2 };
  cursor = {
    x: Math.min(width - 1, Math.max(0, cursor.x + dx)),
    y: Math.min(height - 1, Math.max(0, cursor.y + dy)),
  };
  setCrosshair(viewport.toImage(cursor));
  const point = toolPoint(cursor, event);
  if (penDown) currentTool().move(point);
  else currentTool().hover(point);
}

function pen(event) {
  if (!cursor) {
    moveCursor(0, 0, event);
    return;
  }
  const point = toolPoint(cursor, event);
  if (penDown) currentTool().up(point);
  else currentTool().down(point);
  penDown = !penDown;
  if (penDown && !currentTool().drags) {
    currentTool().up(point);
    penDown = false;
  }
}

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

function key(event) {
  if (event.key === " ") {
    event.preventDefault();
    spaceHeld = event.type === "keydown";
    canvas.toggleAttribute("data-grab", spaceHeld);
    return;
  }
  if (event.type !== "keydown" || !app.session?.annotation || app.view === "background") return;
  const arrow = ARROWS[event.key];
  if (arrow) {
    const step = event.ctrlKey || event.metaKey ? 1 : 10;
    moveCursor(arrow[0] * step, arrow[1] * step, event);
  } else if (event.key === "Enter") pen(event);
  else if (event.key === "Escape" && (penDown || mode === "tool")) {
    currentTool().cancel();
    [penDown, mode] = [false, null];
  } else return;
  event.preventDefault();
  event.stopPropagation();
}

export function startPointer() {
  canvas.addEventListener("pointerdown", press);
  canvas.addEventListener("pointermove", move);
  canvas.addEventListener("pointerup", release);
  canvas.addEventListener("pointercancel", release);
  canvas.addEventListener("pointerleave", () => {
    if (!down.size) currentTool().leave();
  });
  canvas.addEventListener("wheel", wheel, { passive: false });
  canvas.addEventListener("contextmenu", (event) => event.preventDefault());
  canvas.addEventListener("keydown", key);
  canvas.addEventListener("keyup", key);
  canvas.addEventListener("blur", () => {
    spaceHeld = false;
    hideCursor();
  });
}
