// Add or remove whole regions: what a click would take is shown under the pointer. The regions are
// in the browser, so nothing is asked of the server.

import { apply, emptyInstance, nameOf, select } from "./actions.js";
import { Bitmap, united, without } from "./bitmap.js";
import { added, masked, unclaimed } from "./edits.js";
import { hideName, showName } from "./hints.js";
import { setPreview } from "./stage.js";
import { app, changed, classOf } from "./state.js";
import { className, t } from "./strings.js";
import { pixelAt, Tool } from "./tool.js";
import { instanceAt } from "./tool_select.js";

export class RegionTool extends Tool {
  #key = "";
  #plan = null;

  /** What a click at a point would do: {kind, bitmap, target}, or null. */
  plan(point) {
    const { session } = app;
    const pixel = pixelAt(point, session.size);
    if (!pixel || !session.tree) return null;
    const { annotation, tree } = session;
    const take = app.take !== point.shift;
    const node = tree.nodeAt(pixel.y, pixel.x);
    const here = instanceAt(point);
    const inTarget = annotation.target?.bitmap.has(pixel.y, pixel.x) ?? false;
    const key = [session.id, tree.k, node, here?.id, inTarget, take, annotation.target?.id].join();
    if (key !== this.#key || this.#instances !== annotation.instances) {
      this.#plan = this.#planned(annotation, tree.maskOf(node), here, inTarget, take);
    }
    this.#key = key;
    this.#instances = annotation.instances;
    return this.#plan;
  }

  #instances = null;

  #planned(annotation, region, here, inTarget, take) {
    const { target } = annotation;
    if (target && inTarget) {
      return { kind: "remove", target, bitmap: without(region, without(region, target.bitmap)) };
    }
    if (here && here !== target && !take) return { kind: "select", target: here, bitmap: here.bitmap };
    const free = take ? region : unclaimed(annotation, target?.id ?? 0, region);
    return { kind: "add", target, bitmap: target ? without(free, target.bitmap) : free, take };
  }

  hover(point) {
    const plan = this.plan(point);
    setPreview(plan);
    if (!plan) return hideName();
    return showName(point.stage, this.#text(plan), plan.target);
  }

  #text({ kind, target }) {
    if (kind === "select") return nameOf(target);
    const name = target ? nameOf(target) : className(classOf(app.newClass).name);
    return t(kind === "remove" ? "region_remove" : target ? "region_add" : "region_new", { name });
  }

  down(point) {
    this.pressed = true;
    this.hover(point);
  }

  move(point) {
    if (this.pressed) this.hover(point);
  }

  up(point) {
    if (!this.pressed) return;
    this.pressed = false;
    const plan = this.plan(point);
    if (plan) this.#carryOut(plan);
    else if (!app.session.tree) changed("notice", t("regions_coming"));
    if (point.touch) this.leave();
    else this.hover(point);
  }

  #carryOut({ kind, target, bitmap, take }) {
    const { instances } = app.session.annotation;
    if (kind === "select") return select([target.id]);
    if (!bitmap.height) return null;
    if (kind === "remove") return apply(masked(instances, target.id, without(target.bitmap, bitmap)));
    const instance = target ?? emptyInstance();
    const all = target ? instances : added(instances, instance);
    apply(masked(all, instance.id, united(instance.bitmap, bitmap ?? Bitmap.empty()), take), instances);
    return select([instance.id]);
  }

  cancel() {
    this.pressed = false;
  }

  leave() {
    setPreview(null);
    hideName();
  }

  wheel(amount, event) {
    if (!event.altKey) return false;
    changed("set-scale", app.scale + Math.sign(amount) * -2);
    return true;
  }
}
