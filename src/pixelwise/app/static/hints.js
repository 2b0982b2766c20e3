// Short texts: a name beside the pointer, a line at the foot of the stage, notices that go away.

import { instanceColour } from "./colours.js";
import { byId, el, iconButton, swatch } from "./dom.js";
import { app, classOf, on } from "./state.js";
import { t } from "./strings.js";

const SHOWN_MS = 5000;
const name = byId("hover-name");

/** Show a text beside a point of the stage, with the colour of an instance or without. */
export function showName(at, text, instance) {
  const colour = instance && (app.view === "classes" ? classOf(instance.classId).colour : instanceColour(instance.id));
  name.replaceChildren(...(colour ? [swatch(colour)] : []), text);
  name.hidden = false;
  const { clientWidth, clientHeight } = byId("stage");
  const x = Math.min(at.x + 14, clientWidth - name.offsetWidth - 6);
  const y = at.y + 18 + name.offsetHeight > clientHeight ? at.y - name.offsetHeight - 10 : at.y + 18;
  name.style.transform = `translate(${Math.round(x)}px, ${Math.round(y)}px)`;
  byId("hint").textContent = text;
}

export function hideName() {
  if (name.hidden) return;
  name.hidden = true;
  showToolHint();
}

function showToolHint() {
  byId("hint").textContent = app.session && app.view !== "background" ? t(`hint_${app.tool}`) : "";
}

export function notice(text, kind = "") {
  const close = () => node.remove();
  const node = el("div", { class: `notice ${kind}` }, el("span", {}, text), iconButton("close", t("close"), close));
  byId("notices").append(node);
  if (kind !== "error") setTimeout(close, SHOWN_MS);
  while (byId("notices").children.length > 3) byId("notices").firstChild.remove();
}

export function startHints() {
  on("tool photo view", showToolHint);
  on("notice", (text) => notice(text));
  on("failed", (error) => {
    if (error.name !== "AbortError") notice(error.message, "error");
  });
}
