// What the page knows, in one place, and who wants to hear of a change. Modules change a field
// and say which topic changed; others listen. Topics: photos, photo (another one is shown),
// annotation, selection, view, tool, options, regions, compare, saved. Some ask for something: open
// (a photo), save (the one shown).

export const app = {
  weights: "",
  classes: [],
  photos: [],
  save: null,
  canTrain: false,
  limits: {},
  /** The photo on the stage, see session.js; null if there is none. */
  session: null,
  view: "instances",
  tool: "select",
  /** Of the colours over the photo, 0..1. */
  opacity: 0.5,
  /** Class ids and instance ids that are not drawn. */
  hiddenClasses: new Set(),
  hiddenInstances: new Set(),
  /** {classId} or {id} that the pointer is on in the panel: the rest is drawn fainter. */
  highlight: null,
  /** The class of new instances. */
  newClass: null,
  /** Radius of the brush in pixels of the image; null until a photo says how large it is. */
  radius: null,
  /** Position of the slider of regions, 0 fine .. 100 coarse. */
  scale: 45,
  /** The brush may take pixels from other instances. Shift means the other way for one stroke. */
  take: false,
  /** Strokes of the scribble say what is not in the instance. */
  off: false,
  /** null, or {at: 0..1 of the stage's width, left: "photo" or "before"}. */
  compare: null,
  background: { kind: "blur", strength: 0.5, colour: "#2f6f8f", image: null, crop: false },
};

const listeners = new Map();

/** Call listener(detail) after each change of a topic. */
export function on(topics, listener) {
  for (const topic of topics.split(" ")) {
    if (!listeners.has(topic)) listeners.set(topic, []);
    listeners.get(topic).push(listener);
  }
}

/** @returns {Promise} done when all listeners are */
export function changed(topic, detail) {
  return Promise.all((listeners.get(topic) ?? []).map((listener) => listener(detail)));
}

export function classOf(id) {
  return app.classes.find((one) => one.id === id) ?? { id, name: String(id), colour: [128, 128, 128] };
}

/** Classes that an instance can have. */
export function assignableClasses() {
  const named = app.classes.filter((one) => one.instances);
  return named.length ? named : app.classes;
}

/** "cat 2": the class and the place among the instances of that class. */
export function numberOf(instance, instances) {
  const same = instances.filter((one) => one.classId === instance.classId);
  return same.length > 1 ? same.findIndex((one) => one.id === instance.id) + 1 : null;
}
