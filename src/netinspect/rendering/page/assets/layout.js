// Layout: where each box, edge and label is, as in rendering/graph/coordinates.py. All lengths are along the
// flow of the data and across it; only what is drawn has x and y. A box has coordinates relative to the box
// around it, so that all boxes of one structure with the same boxes open share one layout.

const PAD = 10;
const MARGIN = 14;
const LEAST_WIDTH = 56;
const STRAIGHT = 22;
const BENT = 30;
const MOST_BENT = 54;
const PORT = 8;
const LABEL = 13;
const STUB = 16;
const MOST_LABEL = 150;
const MOST_READERS = 8;

/** Layouts of all boxes, as they are open. */
class Layouts {
  constructor(state) {
    this.state = state;
    this.failedPlace = state.picture.failedPath.join("/");
    this.failure = state.picture.failure || [];
    this.update();
  }

  /** Take over the state: only layouts of boxes that are open otherwise than before are computed again. */
  update() {
    const { heat, direction } = this.state;
    if (heat !== this.heat || direction !== this.direction) {
      Object.assign(this, { heat, direction, isRight: direction === "LR", shared: new Map(), own: new Map() });
    }
    this.current = new Map();
    this.touched = this.state.keysAround();
  }

  /** Return the layout of a box that is drawn, or would be. */
  of(box) {
    const known = this.current.get(box);
    if (known) return known;
    const mode = this.state.mode(box);
    const isOwn = this.touched.has(box.key) || box.template.failed;
    const layout = isOwn ? this.ownLayout(box, mode)
      : this.sharedLayout(box.template, box.item, mode, this.state.defaultAt(box), this.shownIn(box, mode));
    this.current.set(box, layout);
    return layout;
  }

  /** Return which box of its item the texts of a box are about; null for all. */
  shownIn(box, mode) {
    if (box.occurrence !== null || !box.isStack) return box.shown;
    return mode === OPEN ? box.shown || null : null;
  }

  /** Return the layout of a box with choices of the reader in it, which no other one shares. */
  ownLayout(box, mode) {
    const children = mode === CLOSED ? [] : box.contents.map((child) => this.of(child));
    const known = this.own.get(box);
    const shown = this.shownIn(box, mode);
    const isSame = known && known.mode === mode && known.shown === shown && known.item === box.item &&
      known.inside.length === children.length && children.every((child, at) => child === known.inside[at]);
    if (isSame) return known.layout;
    const failure = box.template.failed && box.place === this.failedPlace ? this.failure : [];
    const layout = this.layOut(box.template, box.item, mode, shown, children, failure);
    this.own.set(box, { layout, mode, shown, item: box.item, inside: children });
    return layout;
  }

  /** Return the layout of all identical boxes that have the mode `below` inside. */
  sharedLayout(template, item, mode, below, shown) {
    const key = `${template.index} ${item ? item.id : ""} ${mode} ${mode ? below : ""} ${shown}`;
    let layout = this.shared.get(key);
    if (layout) return layout;
    let children = [];
    if (mode === UNROLLED) {
      const inside = opensByDefault(template) && below ? OPEN : CLOSED;
      children = item.names.map((_, at) => this.sharedLayout(template, item, inside, below, at));
    } else if (mode === OPEN) {
      children = itemsIn(template, item, shown ?? 0).map((child) => {
        const inside = opensByDefault(child.template) ? (child.count > 1 ? below : Math.min(below, OPEN)) : CLOSED;
        return this.sharedLayout(child.template, child, inside, below, child.count === 1 ? 0 : null);
      });
    }
    layout = this.layOut(template, item, mode, shown, children, []);
    this.shared.set(key, layout);
    return layout;
  }

  layOut(template, item, mode, shown, children, failure) {
    const isOpen = mode !== CLOSED;
    const lines = boxLines(template, item, shown, isOpen, this.heat, failure);
    const width = Math.max(LEAST_WIDTH, 2 * PAD + Math.max(0, ...lines.map((line) => line.width)));
    const height = 10 + lines.reduce((sum, line) => sum + line.height, 0);
    const layout = { lines, isOpen, heading: 0, anchor: 0, children: [], routes: [], stubs: [], labels: [], ports: [] };
    if (isOpen) {
      const body = mode === UNROLLED ? columnOf(template, item)
        : { ...bodyOf(template), entries: entriesOf(itemsIn(template, item, shown ?? 0)) };
      layOutBody(layout, body, children, template, item, this.isRight, width, height);
    } else {
      [layout.length, layout.breadth] = this.isRight ? [width, height] : [height, width];
      layout.anchor = layout.breadth / 2;
    }
    layout.rows = children.reduce((sum, child) => sum + child.rows, 1);
    [layout.width, layout.height] = this.isRight ? [layout.length, layout.breadth] : [layout.breadth, layout.length];
    return layout;
  }
}

/** Return the rows and the edges between the items of a body; each edge is the first one of its two items. */
function bodyOf(template) {
  if (template.body) return template.body;
  const itemOf = template.items.flatMap((item) => Array(item.count).fill(item.index));
  const found = new Map();
  for (const edge of template.edges) {
    const source = edge.source === OUTSIDE ? OUTSIDE : itemOf[edge.source];
    const target = edge.target === OUTSIDE ? OUTSIDE : itemOf[edge.target];
    const key = `${source} ${target}`;
    if (source !== target && !found.has(key)) found.set(key, { source, target, edge });
  }
  const readers = new Map();
  for (const { source } of found.values()) readers.set(source, (readers.get(source) || 0) + 1);
  const isStub = ({ source, target, edge }) =>
    edge.inObject || readers.get(source) > MOST_READERS || (target !== OUTSIDE && source > target);
  const all = [...found.values()];
  template.body = { rows: template.layers, lines: all.filter((each) => !isStub(each)), stubs: all.filter(isStub) };
  return template.body;
}

function entriesOf(items) {
  return items.map((item) => ({ template: item.template, item, shown: item.count > 1 ? null : 0 }));
}

/** Return the body of a stack of which all boxes are drawn, one after the other. */
function columnOf(template, item) {
  const shapes = uniqueShapes(template.output.map((operand) => operand.shape));
  const entries = item.names.map((_, shown) => ({ template, item, shown }));
  const ends = [OUTSIDE, ...item.names.keys(), OUTSIDE];
  const lines = ends.slice(1).map((target, at) => ({ source: ends[at], target, edge: { shapes, change: "" } }));
  return { rows: entries.map((_, at) => [at]), entries, lines, stubs: [] };
}

function uniqueShapes(shapes) {
  return [...new Map(shapes.map((shape) => [shapeText(shape), shape])).values()];
}

function layOutBody(layout, body, children, template, item, isRight, width, height) {
  const placed = children.map((child) => ({ layout: child, length: child.length, breadth: child.breadth,
    anchor: child.anchor, outLabel: "", stub: "", before: 0, after: 0, start: 0, offset: 0 }));
  layout.children = placed;
  layout.heading = height;
  const portLabel = chooseLabels(body, placed, isRight);
  const hasIn = body.lines.some(({ source }) => source === OUTSIDE);
  const hasOut = body.lines.some(({ target }) => target === OUTSIDE);
  const at = fitRows(body, placed);
  // The room around the anchors; a port is at 0.
  const lows = placed.map((child, index) => at.boxes[index] - child.before);
  const highs = placed.map((child, index) => at.boxes[index] + child.after);
  const dummies = at.dummies.flatMap((row) => [...row.values()]);
  const ports = hasIn || hasOut ? [0] : [];
  const low = least([...lows, ...dummies, ...ports]);
  const high = most([...highs, ...dummies, ...ports, ...(hasIn ? [acrossLabel(portLabel, isRight)[1]] : [])]);
  const headingAcross = isRight ? height : 0;
  // The heading may be wider than the body.
  const side = isRight ? MARGIN : Math.max(MARGIN, (width - (high - low)) / 2);
  layout.breadth = headingAcross + 2 * side + high - low;
  const shift = headingAcross + side - low;
  layout.anchor = hasIn || hasOut ? shift : layout.breadth / 2;
  const along = placeRows(layout, body, at, isRight ? 0 : height, shift, portLabel, hasIn, hasOut, isRight);
  layout.length = isRight ? Math.max(along, width) : along;
  for (const child of placed) [child.x, child.y] = isRight ? [child.start, child.offset] : [child.offset, child.start];
}

function least(numbers) { return numbers.reduce((a, b) => Math.min(a, b), Infinity); }
function most(numbers) { return numbers.reduce((a, b) => Math.max(a, b), -Infinity); }

/** Choose the labels of a body and reserve room for them; return that of the port. */
function chooseLabels(body, children, isRight) {
  const into = new Map();
  const out = new Map();
  const keyOf = (shapes) => shapes.map(shapeText).join();
  const add = (map, key, value) => map.set(key, [...(map.get(key) || []), value]);
  for (const line of body.lines) {
    add(into, line.target, keyOf(line.edge.shapes));
    add(out, line.source, line);
  }
  const hubs = new Map();
  const names = new Map();
  for (const line of body.stubs) {
    if (!line.edge.inObject) hubs.set(line.source, (hubs.get(line.source) || 0) + 1);
    if (line.target !== OUTSIDE) add(names, line.target, stubName(line, body));
  }
  let portLabel = "";
  for (const source of [...children.keys(), OUTSIDE]) {
    const lines = out.get(source) || [];
    const shapes = uniqueShapes(lines.flatMap((line) => line.edge.shapes));
    const kind = source === OUTSIDE ? "" : body.entries[source].template.kind;
    const given = new Set(into.get(source));
    const isNew = source === OUTSIDE || given.size !== 1 || !given.has(keyOf(shapes));
    let text = shapes.length && kind !== "input" && (isNew || lines.length > 1) ? edgeText(shapes) : "";
    if (hubs.has(source)) text = `${text} \u2192 ${hubs.get(source)} readers`.trim();
    text = cutText(text, MOST_LABEL, SMALL);
    if (source === OUTSIDE) portLabel = text;
    else children[source].outLabel = text;
  }
  for (const [index, child] of children.entries()) {
    child.stub = cutText([...new Set(names.get(index))].join(", "), MOST_LABEL, SMALL);
    const [before, after] = acrossLabel(child.outLabel, isRight);
    child.before = Math.max(child.anchor, before);
    child.after = Math.max(child.breadth - child.anchor, after);
    if (child.stub) {
      const room = isRight ? LABEL + 3 : textWidth(child.stub, SMALL) + STUB + 4;
      child.before = Math.max(child.before, child.anchor + room);
    }
  }
  return portLabel;
}

function stubName({ source, edge }, body) {
  if (source === OUTSIDE) return edge.inObject ? "state" : edgeText(edge.shapes.slice(0, 1)) || "outside";
  const { template, item, shown } = body.entries[source];
  return template.kind === "module" ? nameOf(template, item, shown) : cutText(template.label, MOST_LABEL, SMALL);
}

/** Return the room across the flow that a label needs on both sides of its edge. */
function acrossLabel(text, isRight) {
  if (!text) return [0, 0];
  return isRight ? [LABEL, 0] : [0, textWidth(text, SMALL) + 6];
}

function alongLabel(text, isRight) {
  if (!text) return 0;
  return isRight ? textWidth(text, SMALL) + 10 : LABEL;
}

function gapOf(bend) {
  return bend < 0.5 ? STRAIGHT : Math.min(MOST_BENT, BENT + 0.06 * bend);
}

/** Place the rows of a body along the flow; return the length of the box. */
function placeRows(layout, body, at, start, shift, portLabel, hasIn, hasOut, isRight) {
  const { children } = layout;
  const ways = waysOf(body, at, children.length);
  const bends = Array(body.rows.length + 1).fill(0);
  for (const { first, across } of ways) for (let i = 0; i + 1 < across.length; i++)
    bends[first + 1 + i] = Math.max(bends[first + 1 + i], Math.abs(across[i + 1] - across[i]));
  let along = start;
  let portEnd = start;
  if (hasIn) {
    portEnd = along + alongLabel(portLabel, isRight);
    along = portEnd + Math.max(PORT, gapOf(bends[0]) - PORT);
  } else along += MARGIN;
  const starts = [];
  const ends = [];
  for (const [number, row] of body.rows.entries()) {
    if (number) along += gapOf(bends[number]);
    starts.push(along);
    let longest = 0;
    for (const vertex of row) if (vertex >= 0) {
      const child = children[vertex];
      child.start = along;
      child.offset = shift + at.boxes[vertex] - child.anchor;
      longest = Math.max(longest, child.length + alongLabel(child.outLabel, isRight));
    }
    ends.push(along += longest);
  }
  const length = along + (hasOut ? Math.max(PORT, gapOf(bends.at(-1)) - PORT) : MARGIN);
  const turned = (points) => (isRight ? points : points.map(([a, b]) => [b, a]));
  for (const way of ways) layout.routes.push({ source: way.line.source, target: way.line.target, edge: way.line.edge,
    points: turned(pointsOf(way, children, { starts, ends, start, portEnd, length, shift })) });
  if (hasIn) layout.ports.push(...turned([[start, shift]]));
  if (hasOut) layout.ports.push(...turned([[length, shift]]));
  placeLabels(layout, body, shift, start, portLabel, isRight);
  return length;
}

function placeLabels(layout, body, shift, start, portLabel, isRight) {
  const texts = [[OUTSIDE, portLabel, start, shift], ...layout.children.map((child, index) =>
    [index, child.outLabel, child.start + child.length, child.offset + child.anchor])];
  for (const [source, text, along, across] of texts) if (text) {
    const [x, y] = isRight ? [along + 5, across - 4] : [across + 5, along + LABEL - 2];
    layout.labels.push({ x, y, text, source });
  }
  const seen = new Set([OUTSIDE]);
  for (const { source, target, edge } of body.stubs) {
    const child = layout.children[target];
    // Several stubs of a box are one label.
    if (seen.has(target) || !child.stub) continue;
    seen.add(target);
    const [x, y] = isRight ? [child.start, child.offset] : [child.offset, child.start + Math.min(child.length / 2, 14)];
    layout.labels.push(isRight ? { x: x + 12, y: y - 5, text: child.stub, source, isStub: true }
      : { x: x - STUB, y: y + 3.5, text: child.stub, source, isStub: true, atEnd: true });
    layout.stubs.push({ source, target, edge, points: isRight ? [[x + 6, y - LABEL], [x + 6, y]] : [[x - STUB + 3, y], [x, y]] });
  }
}
