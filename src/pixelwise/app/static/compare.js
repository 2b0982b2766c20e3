// Before and after: a divider across the stage, the plain photo (or what the former weights said)
// on its left.

import { byId } from "./dom.js";
import { loadBefore } from "./session.js";
import { app, changed, on } from "./state.js";
import { t } from "./strings.js";

const divider = byId("divider");

/** Show or hide the divider; left is "photo" or "before". */
export async function compare(left) {
  const { session } = app;
  if (left === "before" && session) {
    try {
      await loadBefore(session);
      if (session !== app.session) return;
    } catch (error) {
      changed("failed", error);
      return;
    }
  }
  app.compare = left ? { at: app.compare?.at ?? 0.5, left } : null;
  place();
}

function place() {
  const shown = Boolean(app.compare && app.session);
  divider.hidden = !shown;
  byId("compare").setAttribute("aria-pressed", String(shown));
  if (shown) {
    divider.style.left = `${100 * app.compare.at}%`;
    divider.setAttribute("aria-valuenow", String(Math.round(100 * app.compare.at)));
    divider.querySelector(".divider-left").textContent = t("before");
    divider.querySelector(".divider-right").textContent = t("after");
  }
  changed("compare");
}

function moveTo(at) {
  app.compare.at = Math.min(1, Math.max(0, at));
  place();
}

export function startCompare() {
  byId("compare").onclick = () => compare(app.compare ? null : "photo");
  divider.onpointerdown = (event) => divider.setPointerCapture(event.pointerId);
  divider.onpointermove = (event) => {
    if (!divider.hasPointerCapture(event.pointerId)) return;
    const rect = byId("stage").getBoundingClientRect();
    moveTo((event.clientX - rect.left) / rect.width);
  };
  divider.onkeydown = (event) => {
    const step = { ArrowLeft: -0.02, ArrowRight: 0.02, PageDown: -0.1, PageUp: 0.1 }[event.key];
    if (step) moveTo(app.compare.at + step);
    else if (event.key === "Home") moveTo(0);
    else if (event.key === "End") moveTo(1);
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  on("photo", () => {
    if (app.compare?.left === "before" && !app.session?.before) app.compare = null;
    place();
  });
}
