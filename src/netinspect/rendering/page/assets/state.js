// State of the page: the boxes of the picture, which are open, what is selected, and the address that keeps it.
//
// A *place* is the numbers of a box from the root on, joined by "/", as in places.py. A box on the screen
// may stand for several places: a stack of N shows one of its N boxes. Its *key* has the number of the
// first box of a stack, and an unrolled box has the stack's number and its own in it, such as "4:2/1".

const OUTSIDE = -1;
const CLOSED = 0;
const OPEN = 1;
const UNROLLED = 2;
const LONGEST_ADDRESS = 4000;

/** Return the picture with defaults filled in; see picture_data.py. */
function readPicture(data) {
  const shapes = data.shapes || [];
  const operands = (list = []) =>
    list.map(([name, shape, dtype = "float32", wrong = []]) => ({ name, shape: shapes[shape], dtype, wrong }));
  let items = 0;
  const templates = data.templates.map((given, index) => {
    const template = {
      index, kind: "module", label: "", facts: "", shown_facts: "", qualified_name: "", library: false, steps: 0, cost: null,
      parameters: 0, parameter_bytes: 0, trainable: "none", failed: false, defined_at: null,
      layers: [], change: "", changes: [], ...given,
      called: !given.uncalled,
      inputs: operands(given.inputs),
      output: operands(given.output),
      site: given.site && {
        file: data.files[given.site[0]], line: given.site[1], function: given.site[2] || "", text: given.site[3] || "",
      },
    };
    let number = 0;
    template.items = (given.items || []).map(([of, names, calls = [], change = "", innerNames = [], innerCalls = []], at) => {
      const all = typeof names === "number" ? Array(names).fill("") : names;
      const item = { id: items++, template: of, names: all, count: all.length, calls, change, innerNames, innerCalls,
        index: at, number };
      number += item.count;
      return item;
    });
    template.edges = (given.edges || []).map(
      ([source, target, shape = [], bytes = 0, inObject = 0, change = ""]) => ({
        source, target, shapes: shape.map((each) => shapes[each]), bytes, inObject: !!inObject, change,
      }));
    return template;
  });
  for (const template of templates) for (const item of template.items) item.template = templates[item.template];
  return {
    root: templates[data.root], templates, folded: !!data.folded, failedPath: data.failed_path || [],
    stepOrder: data.step_order || [],
    notes: data.notes || [], failure: data.failure || [],
  };
}

/** One box that is on the screen, or would be if all boxes around it were open. */
class Box {
  constructor(state, parent, item, template, key, occurrence) {
    this.state = state;
    this.parent = parent;
    this.given = item;
    this.template = template;
    this.key = key;
    /** Index in its unrolled stack; null for a box that stands for its whole item. */
    this.occurrence = occurrence;
    this.inside = null;
    this.column = null;
  }

  /** The item in the body around it, with the names that it has in the box that is shown there. */
  get item() {
    const isInGroup = this.parent && ["group", "chain"].includes(this.parent.template.kind);
    return isInGroup ? this.parent.items[this.given.index] : this.given;
  }

  /** The items of its body. */
  get items() { return itemsIn(this.template, this.item, this.shown); }

  get count() { return this.occurrence === null && this.given ? this.given.count : 1; }
  get isStack() { return this.count > 1; }
  get canOpen() { return this.template.items.length > 0; }
  get isOpen() { return this.state.mode(this) !== CLOSED; }
  get isUnrolled() { return this.isStack && this.state.mode(this) === UNROLLED; }

  /** Which of the boxes of its item it shows, from 0. */
  get shown() { return this.occurrence ?? this.state.shown.get(this.key) ?? 0; }

  /** Number of the box in the body that it is in. */
  get number() { return this.given ? this.given.number + this.shown : 0; }
  get place() { return this.parent ? joinKey(this.parent.place, this.number) : ""; }

  /** Name in the body; empty for functions. */
  get name() { return this.item ? this.item.names[this.shown].replace(/^\./, "") : ""; }
  get call() { return this.item?.calls[this.shown] ?? 1; }

  /** Path of the module, or of the module around it. */
  get path() {
    if (!this.parent) return "";
    const around = this.parent.path;
    if (this.template.kind !== "module") return around;
    const name = this.item.names[this.shown];
    if (name[0] !== ".") return name;
    return around ? around + name : name.slice(1);
  }

  /** Number of the steps before it, in the order of the boxes. */
  get position() {
    if (!this.parent) return 0;
    const { template } = this.parent;
    let position = this.parent.position + (isCall(template) ? 1 : 0);
    for (const item of template.items.slice(0, this.given.index)) position += item.template.steps * item.count;
    return position + this.template.steps * this.shown;
  }

  /** Index of its first step in the trace. */
  get step() { return this.state.picture.stepOrder[this.position] ?? this.position; }

  /** The boxes of its body; those of a stack as if it was not unrolled. */
  get children() {
    this.inside ??= this.template.items.map((item) =>
      new Box(this.state, this, item, item.template, joinKey(this.key, item.number), null));
    return this.inside;
  }

  /** The boxes that are drawn in it when it is open: the body, or all boxes of an unrolled stack. */
  get contents() {
    if (!this.isUnrolled) return this.children;
    this.column ??= this.item.names.map((_, at) =>
      new Box(this.state, this.parent, this.item, this.template, `${this.key}:${at}`, at));
    return this.column;
  }

  /** The box that is drawn around it: of an unrolled box its stack. */
  get frame() {
    return this.occurrence === null ? this.parent : this.parent.children[this.item.index];
  }
}

/** Whether a box is opened with all others: not so layers of torch, functions, and chains, which show rows. */
function opensByDefault(template) {
  return template.items.length > 0 && !template.library && !["chain", "function", "input", "output"].includes(template.kind);
}

function joinKey(around, number) {
  return around === "" ? String(number) : `${around}/${number}`;
}

function isCall(template) {
  return (template.kind === "module" || template.kind === "function") && template.steps > 0;
}

/** Return whether a box has another around it, or is it. */
function isWithin(key, around) {
  return around === "" || key === around || key.startsWith(`${around}/`) || key.startsWith(`${around}:`);
}

class State {
  constructor(picture, opened = []) {
    this.picture = picture;
    this.root = new Box(this, null, null, picture.root, "", null);
    /** Modes that were chosen for one box. */
    this.modes = new Map();
    /** Modes of everything inside of a box, unless chosen for one. */
    this.defaults = new Map();
    /** For each stack, which of its boxes is shown. */
    this.shown = new Map();
    this.listeners = [];
    this.selection = this.root;
    this.heat = heatFor(picture, null);
    this.direction = "TB";
    this.tab = "graph";
    this.isStubbed = true;
    /** Places of the boxes of the source line that was chosen last. */
    this.marked = [];
    this.version = 0;
    for (const place of ["", ...opened]) this.modes.set(place, OPEN);
  }

  /** Call a function with the names of what changed after each change. */
  on(listener) { this.listeners.push(listener); }

  emit(...changes) {
    this.version++;
    const changed = new Set(changes);
    for (const listener of this.listeners) listener(changed);
  }

  mode(box) {
    if (!box.canOpen) return CLOSED;
    const mode = this.modes.get(box.key) ?? (opensByDefault(box.template) ? this.defaultAt(box) : CLOSED);
    // A single box has no column to unroll.
    return mode === UNROLLED && !box.isStack ? OPEN : mode;
  }

  /** Return the mode that boxes in a box have if none was chosen for them. */
  defaultAt(box) {
    if (this.defaults.size === 0) return CLOSED;
    for (let at = box; at; at = at.frame) if (this.defaults.has(at.key)) return this.defaults.get(at.key);
    return CLOSED;
  }

  /** Return the keys of all boxes that have a choice of the reader somewhere in them. */
  keysAround() {
    const found = new Set();
    for (const keys of [this.modes.keys(), this.defaults.keys(), this.shown.keys()]) for (const key of keys)
      for (let at = key; at !== "";) {
        at = at.slice(0, Math.max(0, at.lastIndexOf("/"), at.lastIndexOf(":")));
        if (found.has(at)) break;
        found.add(at);
      }
    return found;
  }

  setMode(box, mode) {
    if (!box.canOpen || (mode === UNROLLED && !box.isStack)) return;
    this.modes.set(box.key, mode);
    if (!isWithin(this.selection.key, box.key) || this.selection === box) return this.emit("open");
    // A selection that is not drawn any more moves to the box that hides it.
    const selected = mode === CLOSED ? box : this.boxAt(this.selection.place);
    const moved = selected !== this.selection;
    this.selection = selected;
    this.emit("open", ...(moved ? ["selection"] : []));
  }

  open(box) { this.setMode(box, OPEN); }
  close(box) { this.setMode(box, CLOSED); }
  toggle(box) { this.setMode(box, box.isOpen ? CLOSED : OPEN); }
  unroll(box) { this.setMode(box, UNROLLED); }

  /** Open or close everything in a box. */
  setModeBelow(box, mode) {
    for (const keys of [this.modes, this.defaults])
      for (const key of [...keys.keys()]) if (isWithin(key, box.key)) keys.delete(key);
    this.defaults.set(box.key, mode);
    if (mode !== CLOSED || box === this.root) this.modes.set(box.key, mode === CLOSED ? OPEN : mode);
    this.selection = this.drawn(this.selection);
    this.emit("open", "selection");
  }

  /** Show another box of a stack; the names and paths of all boxes in it follow. */
  show(box, at) {
    if (!box.isStack) return;
    this.shown.set(box.key, ((at % box.count) + box.count) % box.count);
    this.emit("shown", "selection");
  }

  /** Return the box on the screen, or to be on it, for a place, such as "4/2". */
  boxAt(place) {
    let box = this.root;
    for (const part of place === "" ? [] : place.split("/")) {
      const number = Number(part);
      const child = box.children.find(({ given }) => number < given.number + given.count);
      if (!child || child.given.number > number) break;
      box = child.isUnrolled ? child.contents[number - child.given.number] : child;
    }
    return box;
  }

  /** Return the box of a key; the nearest one around it if it is not on the screen. */
  boxOf(key) {
    let box = this.root;
    for (const part of key === "" ? [] : key.split("/")) {
      const [number, at] = part.split(":").map(Number);
      const child = box.children.find(({ given }) => given.number === number);
      if (!child) break;
      box = at === undefined ? child : child.isUnrolled ? child.contents[at] : child;
    }
    return box;
  }

  /** Return the box, or the nearest one around it that is drawn. */
  drawn(box) {
    let found = box;
    for (let at = box.frame; at; at = at.frame) if (!at.isOpen) found = at;
    return found.occurrence !== null && !found.frame.isUnrolled ? found.frame : found;
  }

  /** Select a box, or what is drawn for a place; all boxes around it open, and stacks show it. */
  select(target) {
    let box = target;
    if (typeof target === "string") {
      box = this.boxAt(target);
      const numbers = target === "" ? [] : target.split("/").map(Number);
      for (let at = box; at.parent; at = at.parent)
        if (at.isStack) this.shown.set(at.key, numbers[depthOf(at) - 1] - at.given.number);
    }
    const changes = ["selection"];
    for (let at = box.frame; at; at = at.frame)
      if (!at.isOpen) { this.modes.set(at.key, OPEN); changes.push("open"); }
    if (typeof target === "string") changes.push("shown");
    this.selection = box;
    this.emit(...changes);
  }

  set(values) {
    Object.assign(this, values);
    this.emit(...Object.keys(values));
  }

  /** Return the state as the part of an address after `#`. */
  hash() {
    const parts = new URLSearchParams();
    parts.set("tab", this.tab);
    if (this.selection !== this.root) parts.set("at", this.selection.key);
    parts.set("heat", this.heat);
    if (this.direction !== "TB") parts.set("direction", this.direction);
    const modes = (map) => [...map].map(([key, mode]) => `${key}=${mode}`).join(",");
    parts.set("open", modes(this.modes));
    if (this.defaults.size) parts.set("below", modes(this.defaults));
    if (this.shown.size) parts.set("shown", modes(this.shown));
    const text = parts.toString();
    // Browsers cut addresses that are too long; the place is worth more than the open boxes.
    if (text.length > LONGEST_ADDRESS) for (const name of ["open", "below", "shown"]) parts.delete(name);
    return parts.toString();
  }

  readHash(text) {
    const parts = new URLSearchParams(text.replace(/^#/, ""));
    const modes = (name, most) => new Map((parts.get(name) || "").split(",").filter((each) => each.includes("="))
      .map((each) => each.split("=")).map(([key, mode]) => [key, Math.max(0, Math.min(most, Math.trunc(Number(mode)) || 0))]));
    if (parts.has("open")) this.modes = modes("open", UNROLLED).set("", OPEN);
    if (parts.has("below")) this.defaults = modes("below", UNROLLED);
    for (const [key, at] of modes("shown", Infinity)) {
      const box = this.boxOf(key);
      if (box.key === key && at < box.count) this.shown.set(key, at);
    }
    if (parts.has("heat")) this.heat = heatFor(this.picture, parts.get("heat"));
    if (parts.has("direction")) this.direction = parts.get("direction") === "LR" ? "LR" : "TB";
    if (parts.has("tab")) this.tab = parts.get("tab");
    if (parts.has("at")) this.selection = this.drawn(this.boxOf(parts.get("at")));
    this.emit("open", "selection", "heat", "direction", "tab", "shown");
  }
}

function depthOf(box) {
  let depth = 0;
  for (let at = box; at.parent; at = at.parent) depth++;
  return depth;
}
