// What the user does to instances, whichever tool, button or key it comes from.

import { Bitmap } from "./bitmap.js";
import { added, largeParts, merged, reclassed, removed, separated } from "./edits.js";
import { app, changed, classOf, numberOf } from "./state.js";
import { className, t } from "./strings.js";

const annotation = () => app.session?.annotation ?? null;

export function nameOf(instance) {
  const number = numberOf(instance, annotation().instances);
  const name = className(classOf(instance.classId).name);
  return number ? `${name} ${number}` : name;
}

/** Make a list of instances a step of undo, and show it. */
export function apply(instances, before) {
  show(annotation().commit(instances, before));
}

function show(frame) {
  if (!frame) return;
  changed("annotation", frame);
  changed("selection");
}

export function undo() {
  changed("undone");
  show(annotation()?.undo());
}

export function redo() {
  changed("undone");
  show(annotation()?.redo());
}

export function select(ids) {
  annotation()?.select(ids);
  changed("selection");
}

export function toggleSelected(id) {
  const { selection } = annotation();
  select(selection.includes(id) ? selection.filter((one) => one !== id) : [...selection, id]);
}

/** An instance without pixels, in no list yet. */
export function emptyInstance() {
  return { id: annotation().newId(), classId: app.newClass, score: null, bitmap: Bitmap.empty() };
}

export function newInstance() {
  if (!annotation()) return;
  const instance = emptyInstance();
  apply(added(annotation().instances, instance));
  select([instance.id]);
  if (["select", "cut"].includes(app.tool)) changed("use-tool", "region");
}

export function removeSelected() {
  const { selection, instances } = annotation() ?? { selection: [] };
  if (selection.length) apply(removed(instances, selection));
}

/** Give the selected instances a class; without any, it is that of the next new one. */
export function assignClass(classId) {
  app.newClass = classId;
  const { selection, instances } = annotation() ?? { selection: [] };
  if (selection.length) apply(reclassed(instances, selection, classId));
  else changed("options");
}

/** Merge what is selected; with one selected, the next one that is pointed at joins it. */
export function mergeSelected() {
  const { selection, instances } = annotation() ?? { selection: [] };
  if (selection.length >= 2) {
    apply(merged(instances, selection));
    select([selection[0]]);
  } else if (selection.length === 1) changed("use-tool", "merge");
  else changed("notice", t("select_first"));
}

export function mergeInto(id) {
  const { target, instances } = annotation();
  apply(merged(instances, [target.id, id]));
}

/** Make the separate parts of the selected instance instances of their own. */
export function splitSelected() {
  const { target, instances } = annotation() ?? {};
  if (!target) return changed("notice", t("select_first"));
  const parts = largeParts(target.bitmap);
  if (parts.length > 1) return splitInto(target, parts, instances);
  return changed("use-tool", "cut");
}

export function splitInto(target, parts, instances = annotation().instances) {
  const before = new Set(instances.map((one) => one.id));
  apply(separated(instances, target.id, parts, () => annotation().newId()));
  const fresh = annotation().instances.filter((one) => !before.has(one.id)).map((one) => one.id);
  select([target.id]);
  changed("notice", t("split_done", { n: fresh.length + 1 }));
}

/** Step to the next or former instance of the list. */
export function selectNext(step) {
  const { instances, selection } = annotation() ?? { instances: [] };
  if (!instances.length) return;
  const at = instances.findIndex((one) => one.id === selection[0]);
  const next = at < 0 ? (step > 0 ? 0 : instances.length - 1) : (at + step + instances.length) % instances.length;
  select([instances[next].id]);
}
