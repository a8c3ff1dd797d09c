// Graph: draws what the window shows of the picture, and reacts to the pointer.
//
// Only boxes in the window and a margin around it become elements. If texts would be too small to read, all
// boxes of one colour are one path, so that the number of elements is bounded whatever is open.

/** Smallest scale with texts in boxes, and most boxes with texts at once. */
const LEGIBLE = 0.45;
const MOST_DETAILED = 140;
/** Smallest scale of the first view. */
const LEAST_AT_START = 0.6;
/** Pixels around the window that are drawn too; sizes below which a box, or its inside, is a plain rectangle. */
const MARGIN_AROUND = 240;
const LEAST_BOX = 3;
const LEAST_INSIDE = 22;
const MOST_PLAIN = 6000;
const MOST_LABELS = 110;

class Graph {
  constructor(host, state) {
    this.host = host;
    this.state = state;
    this.layouts = new Layouts(state);
    this.elements = new Map();
    this.origin = { x: 0, y: 0 };
    this.drawn = null;
    this.frame = 0;
    this.hovered = null;
    this.stays = false;
    this.world = shape("g", { class: "world" });
    this.svg = shape("svg", { class: "graph", "aria-hidden": "true", focusable: "false" }, definitions(), this.world);
    this.crumbs = element("nav", { class: "crumbs", "aria-label": "Boxes around the middle of the graph" });
    this.tip = element("div", { class: "tip", "aria-hidden": "true", hidden: true });
    host.tabIndex = 0;
    host.setAttribute("role", "application");
    host.setAttribute("aria-label", "Graph; its boxes are in the outline too");
    host.replaceChildren(this.svg, this.crumbs, this.tip);
    this.camera = new Camera(host, () => this.schedule());
    this.camera.resize();
    state.on((changed) => this.onState(changed));
    host.addEventListener("click", (event) => this.onClick(event));
    host.addEventListener("dblclick", (event) => this.onDoubleClick(event));
    host.addEventListener("pointermove", (event) => this.onHover(event));
    host.addEventListener("pointerleave", () => this.hover(null));
    new ResizeObserver(() => this.onResize()).observe(host);
    this.start();
  }

  get root() { return this.layouts.of(this.state.root); }

  // Camera

  fit() {
    const { width, height } = this.root;
    if (this.camera.width) this.camera.fitWidth(width, height);
  }

  /** Show the picture from its top on, or what an address or a failure selects. */
  start() {
    this.fit();
    if (!this.camera.width) return;
    if (this.camera.scale < LEAST_AT_START) this.showInputs();
    const { selection } = this.state;
    if (selection.parent) this.reveal(selection);
  }

  /** Show the inputs at a size at which texts can be read; the rest is a drag away. */
  showInputs() {
    const { children, width, height } = this.root;
    const at = Math.max(0, this.state.root.contents.findIndex((box) => box.template.kind === "input"));
    const first = children[at] || { x: 0, y: 0, layout: { width, height } };
    this.camera.start(LEAST_AT_START, width, height, first.x + first.layout.width / 2, first.y + first.layout.height / 2);
  }

  onResize() {
    const before = this.camera.width;
    this.camera.resize();
    if (!before) this.start();
    else this.schedule();
  }

  /** Return the rectangle of a box in the graph. */
  boundsOf(box) {
    const { width, height } = this.layouts.of(box);
    let x = 0;
    let y = 0;
    for (let at = box; at.frame; at = at.frame) {
      const child = this.layouts.of(at.frame).children[indexIn(at)];
      x += child.x;
      y += child.y;
    }
    return { x, y, width, height };
  }

  reveal(box) { this.camera.reveal(this.boundsOf(box)); }

  // Changes

  onState(changed) {
    const needsLayout = ["open", "shown", "heat", "direction", "isStubbed"].some((name) => changed.has(name));
    if (needsLayout) {
      const anchor = this.anchor(changed.has("direction"));
      this.layouts.update();
      this.elements.clear();
      this.world.replaceChildren();
      if (anchor) {
        const { x, y } = this.boundsOf(anchor.box);
        this.camera.pan((anchor.x - x) * this.camera.scale, (anchor.y - y) * this.camera.scale);
      }
      if (changed.has("direction")) this.start();
    }
    if (changed.has("selection") && !this.stays) this.reveal(this.state.selection);
    this.schedule();
  }

  /** Return a box that should keep its place, with that place; the selected one if the window shows it. */
  anchor(isTurned) {
    if (isTurned || !this.drawn || !this.camera.width) return null;
    const view = this.camera.view();
    for (const box of [this.pressed, this.state.selection, this.drawnAt(view)]) {
      const place = box && this.drawn.places.get(box.key);
      if (place && place.x < view.right && place.y < view.bottom && place.y > view.top) return { box, ...place };
    }
    return null;
  }

  drawnAt(view) {
    return this.hit((view.left + view.right) / 2, (view.top + view.bottom) / 2)?.box;
  }

  schedule() {
    if (!this.frame) this.frame = requestAnimationFrame(() => { this.frame = 0; this.draw(); });
  }

  // Drawing

  draw() {
    if (!this.camera.width) return;
    const { camera, drawn } = this;
    const view = camera.view();
    const isInside = drawn && drawn.scale === camera.scale && drawn.version === this.state.version &&
      view.left >= drawn.view.left && view.right <= drawn.view.right &&
      view.top >= drawn.view.top && view.bottom <= drawn.view.bottom;
    if (!isInside) this.cull(camera.view(MARGIN_AROUND));
    // Coordinates are relative to a point near the window: far from it, 32 bits are too few for them.
    const { x, y } = this.origin;
    const { scale } = camera;
    this.world.setAttribute("transform",
      `translate(${camera.x + x * scale} ${camera.y + y * scale}) scale(${scale})`);
  }

  cull(view) {
    const { scale } = this.camera;
    this.origin = { x: Math.round((view.left + view.right) / 2), y: Math.round((view.top + view.bottom) / 2) };
    const found = visibleBoxes(this.state.root, this.layouts, view, scale);
    const isDetailed = scale >= LEGIBLE && found.boxes.length <= MOST_DETAILED;
    const way = wayOf(this.hovered || this.state.selection, (box) => this.layouts.of(box));
    const entries = isDetailed ? this.detailed(found, way) : this.plain(found, way);
    this.reconcile(entries);
    this.drawn = { view, scale, version: this.state.version, places: found.places, isDetailed };
    this.drawCrumbs();
  }

  /** Return what to draw: for each the key, what it depends on, its place, and how to make it. */
  detailed(found, way) {
    const { direction, isStubbed, selection } = this.state;
    const isRight = direction === "LR";
    const entries = [];
    for (const { box, layout, x, y } of found.boxes) {
      entries.push({ key: `b${box.key}`, of: layout, x, y, make: () => boxElement(box, layout), box });
      if (!layout.isOpen) continue;
      entries.push({ key: `e${box.key}`, of: layout, x, y, make: () => edgesElement(layout, isRight, isStubbed) });
      const routes = way.get(box.key);
      if (routes) entries.push({ key: `w${box.key}`, of: {}, x, y, make: () => wayElement(layout, routes, isRight) });
    }
    entries.push(...this.plainRectangles(found.tiny), ...this.marks(found));
    for (const [box, kind] of [[this.hovered, "hovered"], [selection, "selected"]]) {
      const place = box?.parent && found.places.get(box.key);
      if (place) entries.push({ key: kind, of: {}, ...place, make: () => outlineElement(this.layouts.of(box), kind) });
    }
    return entries;
  }

  /** Return what to draw if texts are too small: one path for each colour, and the largest names. */
  plain(found, way) {
    const isRight = this.state.direction === "LR";
    const { scale } = this.camera;
    const open = found.boxes.filter(({ layout }) => layout.isOpen);
    const closed = found.boxes.filter(({ layout }) => !layout.isOpen);
    const rectangles = (boxes) => boxes.map((each) => this.rectangle(each)).join("");
    const entries = [{ key: "frames", of: {}, x: this.origin.x, y: this.origin.y,
      make: () => shape("path", { class: "plain frames", d: rectangles(open) }) }];
    const edges = open.filter(({ layout }) => layout.width * scale > 40);
    entries.push(...edges.map(({ box, layout, x, y }) => ({ key: `l${box.key}`, of: layout, x, y,
      make: () => shape("path", { class: "line", d: layout.routes.map(({ points }) => routePath(points, isRight)).join("") }) })));
    entries.push(...this.plainRectangles([...closed, ...found.tiny]));
    for (const { box, layout, x, y } of open) {
      const routes = way.get(box.key);
      if (routes) entries.push({ key: `w${box.key}`, of: {}, x, y, make: () => wayElement(layout, routes, isRight) });
    }
    const named = found.boxes.filter(({ box, layout }) => box.item &&
      layout.width * scale > 44 && layout.height * scale > (layout.isOpen ? 36 : 13));
    named.sort((a, b) => b.layout.width * b.layout.height - a.layout.width * a.layout.height);
    for (const each of named.slice(0, MOST_LABELS)) entries.push({ key: `n${each.box.key}`, of: scale, ...each,
      make: () => nameElement(each.box, each.layout, scale) });
    entries.push(...this.marks(found));
    const place = found.places.get(this.state.selection.key);
    if (place && this.state.selection.parent) entries.push({ key: "selected", of: {}, ...place,
      make: () => outlineElement(this.layouts.of(this.state.selection), "selected") });
    return entries;
  }

  /** Return the outlines of the boxes of a source line, or of the closed boxes that they are in. */
  marks(found) {
    const keys = new Set();
    for (const place of this.state.marked) {
      let box = this.state.drawn(this.state.boxAt(place));
      while (box.parent && !found.places.has(box.key)) box = box.frame;
      if (box.parent) keys.add(box.key);
    }
    return [...keys].map((key) => ({ key: `m${key}`, of: this.state.marked, ...found.places.get(key),
      make: () => outlineElement(this.layouts.of(this.state.boxOf(key)), "marked") }));
  }

  rectangle({ layout, x, y }) {
    const round = (number) => Math.round(number * 10) / 10;
    return `M${round(x - this.origin.x)} ${round(y - this.origin.y)}h${layout.width}v${layout.height}h${-layout.width}z`;
  }

  plainRectangles(boxes) {
    const colours = new Map();
    for (const each of boxes) colours.set(each.colour, (colours.get(each.colour) || "") + this.rectangle(each));
    return [...colours].map(([colour, d]) => ({ key: `p${colour}`, of: {}, x: this.origin.x, y: this.origin.y,
      make: () => shape("path", { class: `plain ${colour}`, d }) }));
  }

  /** Make the elements of the world the given ones, in their order, and keep those that have not changed. */
  reconcile(entries) {
    const before = this.elements;
    const after = new Map();
    let next = this.world.firstChild;
    for (const { key, of, x, y, make } of entries) {
      let known = before.get(key);
      if (!known || known.of !== of) {
        if (known) {
          if (next === known.element) next = next.nextSibling;
          known.element.remove();
        }
        known = { of, element: make() };
      }
      const place = `translate(${x - this.origin.x} ${y - this.origin.y})`;
      if (known.place !== place) known.element.setAttribute("transform", known.place = place);
      if (known.element === next) next = next.nextSibling;
      else this.world.insertBefore(known.element, next);
      before.delete(key);
      after.set(key, known);
    }
    for (const { element: old } of before.values()) old.remove();
    this.elements = after;
  }

  /** Show the boxes around the middle of the window whose headings it does not show. */
  drawCrumbs() {
    const { camera, crumbs } = this;
    const view = camera.view();
    const middle = this.hit((view.left + view.right) / 2, (view.top + view.bottom) / 2)?.box;
    const around = [];
    for (let at = middle; at; at = at.frame)
      if (at.isOpen && this.boundsOf(at).y < view.top - 2) around.unshift(at);
    const text = around.map((box) => box.key).join(" ");
    if (crumbs.dataset.boxes === text) return;
    crumbs.dataset.boxes = text;
    crumbs.replaceChildren(...around.map((box) => element("button", { type: "button", tabindex: -1,
      onclick: () => this.state.select(box) }, box.name || box.template.label)));
    crumbs.hidden = !around.length;
  }

  // Pointer

  /** Return the innermost box at a point of the graph, with its layout. */
  hit(x, y) {
    let box = this.state.root;
    let layout = this.root;
    if (x < 0 || y < 0 || x > layout.width || y > layout.height) return null;
    for (let goesOn = true; goesOn && layout.isOpen;) {
      goesOn = false;
      for (const [at, child] of layout.children.entries()) {
        if (x < child.x || y < child.y || x > child.x + child.layout.width || y > child.y + child.layout.height) continue;
        [x, y, layout, box, goesOn] = [x - child.x, y - child.y, child.layout, box.contents[at], true];
        break;
      }
    }
    return { box, layout };
  }

  boxUnder(event) {
    const { x, y } = this.camera.point(event);
    const { camera } = this;
    return this.hit((x - camera.x) / camera.scale, (y - camera.y) / camera.scale)?.box;
  }

  onClick(event) {
    if (this.camera.wasDrag || event.target.closest(".crumbs")) return;
    const box = this.boxUnder(event);
    if (!box) return;
    const { state } = this;
    const action = event.target.closest("[data-action]")?.dataset.action;
    this.keepingPlace(box, () => {
      state.select(box);
      if (action === "toggle") state.toggle(box);
      else if (action === "roll") state.open(box);
      else if (action === "unroll" || event.shiftKey) state.unroll(box);
      else if (action === "previous") state.show(box, box.shown - 1);
      else if (action === "next") state.show(box, box.shown + 1);
    });
  }

  onDoubleClick(event) {
    const box = this.boxUnder(event);
    const isAction = event.target.closest("[data-action], .crumbs");
    if (box && !isAction) this.keepingPlace(box, () => this.state.toggle(box));
  }

  /** Change the state while a box stays where it is in the window. */
  keepingPlace(box, change) {
    [this.stays, this.pressed] = [true, box];
    change();
    [this.stays, this.pressed] = [false, null];
  }

  onHover(event) {
    if (event.pointerType === "touch" || event.buttons) return this.hover(null);
    const box = this.boxUnder(event) || null;
    this.hover(box && !box.isOpen ? box : null);
    const { tip } = this;
    tip.hidden = !this.hovered || this.drawn?.isDetailed;
    if (tip.hidden) return;
    const { x, y } = this.camera.point(event);
    tip.textContent = describeBox(this.hovered);
    tip.style.left = `${Math.min(x + 14, this.camera.width - 200)}px`;
    tip.style.top = `${y + 16}px`;
  }

  hover(box) {
    if (box === this.hovered) return;
    this.hovered = box;
    if (!box) this.tip.hidden = true;
    this.drawn = this.drawn && { ...this.drawn, version: -1 };
    this.schedule();
  }
}

/** Return the boxes that a view shows, from the outside in: those to draw with their inside, and plain ones. */
function visibleBoxes(root, layouts, view, scale) {
  const boxes = [];
  const tiny = [];
  const places = new Map();
  const isSeen = (x, y, { width, height }) =>
    x < view.right && y < view.bottom && x + width > view.left && y + height > view.top;
  const walk = (box, layout, x, y) => {
    places.set(box.key, { x, y });
    const colour = colourOf(box);
    boxes.push({ box, layout, x, y, colour });
    if (!layout.isOpen) return;
    const hasInside = Math.min(layout.width, layout.height) * scale >= LEAST_INSIDE;
    if (!hasInside) return;
    for (const [at, child] of layout.children.entries()) {
      const childX = x + child.x;
      const childY = y + child.y;
      if (!isSeen(childX, childY, child.layout)) continue;
      if (Math.min(child.layout.width, child.layout.height) * scale >= LEAST_BOX)
        walk(box.contents[at], child.layout, childX, childY);
      else if (tiny.length < MOST_PLAIN)
        tiny.push({ layout: child.layout, x: childX, y: childY, colour: colourOf(box.contents[at]) });
    }
  };
  const layout = layouts.of(root);
  if (isSeen(0, 0, layout)) walk(root, layout, 0, 0);
  return { boxes, tiny, places };
}

/** Return the class for the colour of a box. */
function colourOf(box) {
  if (box.template.failed) return "failed";
  const change = changeOf(box);
  return change && change !== "same" ? change : `heat-${heatStep(shareOfBox(box))}`;
}

function outlineElement({ width, height }, kind) {
  return shape("rect", { class: `outline ${kind}`, x: -3, y: -3, width: width + 6, height: height + 6, rx: 6 });
}

/** Return the name of a box in letters of one size, whatever the scale. */
function nameElement(box, layout, scale) {
  const size = layout.isOpen ? 11 : 9.5;
  const text = cutText(titleOf(box), layout.width * scale - 6, size);
  const inside = shape("text", { class: layout.isOpen ? "overview open" : "overview", transform: `scale(${1 / scale})`,
    "font-size": size, x: layout.isOpen ? 4 : (layout.width * scale) / 2,
    y: layout.isOpen ? 12 : (layout.height * scale) / 2 + 3.4,
    "text-anchor": layout.isOpen ? "start" : "middle" }, text);
  return shape("g", { class: colourOf(box) }, inside);
}

/** Describe a box in one line: name, class, output, share. */
function describeBox(box) {
  const { template } = box;
  const share = shareOfBox(box);
  return [
    box.name || template.label,
    template.kind === "module" && box.name ? template.label : "",
    box.isStack ? `\u00d7${box.count}` : "",
    shapesText(template.output),
    share ? `${heatText(box)} ${HEATS[box.state.heat].noun}, ${percentText(share)}` : "",
  ].filter(Boolean).join(" \u00b7 ");
}

/** Return the hatching of what was never called, and the two halves of what changed. */
function definitions() {
  const half = (id, ...classes) => shape("linearGradient", { id },
    ...classes.map((name, at) => shape("stop", { class: name, offset: ["0.5", "0.5"][at] })));
  return shape("defs", {},
    shape("pattern", { id: "hatch", width: 6, height: 6, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" },
      shape("path", { class: "hatching", d: "M 0 0 V 6" })),
    half("halves", "half-a", "half-b"));
}
