// Drawing of one box with its texts, and of the edges in one body, as elements of SVG.

const SIGNS = { only_a: "\u2212", only_b: "+", changed: "\u2260" };

const CHANGES = { only_a: "only in A", only_b: "only in B", changed: "differs between A and B" };

/** Return how a box differs from the other model. */
function changeOf(box) {
  return box.item?.change || box.template.change || "";
}

/** Return the classes of a box, from which the style sheet gives it its look. */
function boxClasses(box) {
  const { template, state } = box;
  const change = changeOf(box);
  const classes = ["box", template.kind];
  if (box.isOpen) classes.push("open");
  else if (box.isStack) classes.push("stack");
  if (template.failed) classes.push("failed");
  if (!template.called) classes.push("uncalled");
  if (change && change !== "same") classes.push(change);
  else if (!box.isOpen) classes.push(`heat-${heatStep(shareOfBox(box))}`);
  if (state.picture.root.change && (!change || change === "same")) classes.push("same");
  return classes.join(" ");
}

function cornerOf(kind, height) {
  if (kind === "module") return 3;
  return Math.min(10, height / 2);
}

/** Return a box at its own corner: border, texts, sign of opening, marks. */
function boxElement(box, layout) {
  const { width, height } = layout;
  const corner = box.isOpen ? (box.template.kind === "module" ? 5 : 10) : cornerOf(box.template.kind, height);
  const made = shape("g", { class: boxClasses(box) });
  if (box.isStack && !box.isOpen) {
    // The edges of the boxes behind it.
    made.append(shape("path", { class: "behind", d:
      `M ${width} 4 h 3 v ${height} h ${-width} v -3.5` }));
  }
  made.append(shape("rect", { class: "frame", width, height, rx: corner }));
  const hasKnob = box.isOpen || opensByDefault(box.template);
  if (hasKnob) made.append(knob(box));
  let y = 5;
  for (const [at, line] of layout.lines.entries()) {
    made.append(...lineElements(box, line, y, width, at === 0, hasKnob ? PAD + 4 : PAD));
    y += line.height;
  }
  if (box.template.kind === "chain" && !box.isOpen && layout.lines.length > 1) made.append(rowBorders(layout));
  const mark = markOf(box);
  if (mark) made.append(shape("g", { class: "mark", transform: `translate(${width - 1} 1)` },
    shape("circle", { r: 7 }), shape("text", { y: 3.8, "text-anchor": "middle" }, mark)));
  return made;
}

function markOf(box) {
  if (box.template.failed && !box.isOpen) return "\u2715";
  return box.isOpen ? "" : SIGNS[changeOf(box)] || "";
}

/** Return the triangle that opens or closes a box, with a larger invisible area to click. */
function knob(box) {
  const d = box.isOpen ? "M 2.5 10.5 h 6 l -3 4.5 z" : "M 3.5 9.5 v 6 l 4.5 -3 z";
  return shape("g", { class: "knob", "data-action": "toggle" },
    shape("rect", { x: -4, y: 0, width: 15, height: 24 }), shape("path", { d }));
}

function lineElements(box, line, top, width, isFirst, left) {
  const y = top + line.height - 4.2;
  const text = shape("text", { x: left, y, "font-size": line.size });
  for (const [at, [words, role]] of line.spans.entries()) {
    const dx = at && role !== "wrong" && !(at > 1 && line.isFailure) ? 6 : 0;
    if (role === "count" && isFirst && box.isStack) text.append(...stackControls(box, words, dx));
    else text.append(shape("tspan", { class: role, dx }, isFirst && role === "name" ? headName(box, words) : words));
  }
  const found = [text];
  const amount = line.amount ? amountLabel(box, line.amount, isFirst) : "";
  if (amount) {
    const size = line.size - (isFirst ? 1 : 0);
    found.push(shape("text", { class: "amount", x: width - PAD, y, "text-anchor": "end", "font-size": size }, amount));
  }
  return found;
}

/** Return the name in a heading; an open stack has that of the box that it shows. */
function headName(box, words) {
  return box.isStack && box.isOpen && !box.isUnrolled ? cutText(box.name || titleOf(box), MOST_NAME) : words;
}

function amountLabel(box, amount, isFirst) {
  if (isFirst && box.template.kind !== "chain") return heatText(box);
  return HEATS[box.state.heat]?.format(amount) || "";
}

/** Return the count of a stack; of an open one with arrows that choose the box that it shows. */
function stackControls(box, words, dx) {
  if (!box.isOpen || box.isUnrolled) return [shape("tspan", { class: "count", dx }, words)];
  const arrow = (action, sign, space) => shape("tspan", { class: "action arrow", dx: space, "data-action": action }, sign);
  return [arrow("previous", "\u2039", dx), shape("tspan", { class: "count", dx: 3 }, `${box.shown + 1} of ${box.count}`),
    arrow("next", "\u203a", 3)];
}

function rowBorders(layout) {
  let y = 5;
  let d = "";
  for (const line of layout.lines.slice(0, -1)) {
    y += line.height;
    d += `M ${PAD} ${y} h ${layout.width - 2 * PAD} `;
  }
  return shape("path", { class: "rows", d });
}

/** Return the path of an edge: straight, or curves that begin and end along the flow. */
function routePath(points, isRight) {
  let [x, y] = points[0];
  let d = `M ${x} ${y}`;
  for (const [toX, toY] of points.slice(1)) {
    const isStraight = Math.abs(isRight ? toY - y : toX - x) < 0.05;
    if (isStraight) d += ` L ${toX} ${toY}`;
    else if (isRight) d += ` C ${(x + toX) / 2} ${y} ${(x + toX) / 2} ${toY} ${toX} ${toY}`;
    else d += ` C ${x} ${(y + toY) / 2} ${toX} ${(y + toY) / 2} ${toX} ${toY}`;
    [x, y] = [toX, toY];
  }
  return d;
}

/** Return the head of an arrow that ends at a box, whose last part goes to the right or down. */
function arrowPath(points, isRight) {
  const [x, y] = points.at(-1);
  return isRight ? `M ${x} ${y} l -6 -3.2 v 6.4 z` : `M ${x} ${y} l -3.2 -6 h 6.4 z`;
}

/** Return the edges of a body as few paths: one for each kind of line, and one for its arrows. */
function edgesElement(layout, isRight, showsStubs) {
  const made = shape("g", { class: "edges" });
  const kinds = new Map();
  const add = (kind, line, arrow) => {
    const found = kinds.get(kind) || ["", ""];
    kinds.set(kind, [found[0] + line, found[1] + arrow]);
  };
  for (const route of layout.routes) {
    const { change } = route.edge;
    add(change && change !== "same" ? change : "", routePath(route.points, isRight),
      route.target === OUTSIDE ? "" : arrowPath(route.points, isRight));
  }
  if (showsStubs) for (const stub of layout.stubs)
    add("stub", routePath(stub.points, !isRight), arrowPath(stub.points, !isRight));
  for (const [kind, [line, arrow]] of kinds) {
    made.append(shape("path", { class: `line ${kind}`, d: line }));
    if (arrow) made.append(shape("path", { class: `arrow ${kind}`, d: arrow }));
  }
  for (const label of layout.labels) {
    if (label.isStub && !showsStubs) continue;
    made.append(shape("text", {
      class: label.isStub ? "label stub" : "label", x: label.x, y: label.y,
      "text-anchor": label.atEnd ? "end" : null,
    }, label.text));
  }
  for (const [x, y] of layout.ports) made.append(shape("circle", { class: "port", cx: x, cy: y, r: 2.5 }));
  return made;
}

/** Return the edges on the way of a selected value, over the others of the body. */
function wayElement(layout, routes, isRight) {
  const chosen = [...routes].map((at) => {
    const isStub = at >= layout.routes.length;
    const { points, target } = isStub ? layout.stubs[at - layout.routes.length] : layout.routes[at];
    return { points, target, along: isStub ? !isRight : isRight };
  });
  const made = shape("g", { class: "way" });
  made.append(shape("path", { class: "line", d: chosen.map(({ points, along }) => routePath(points, along)).join("") }));
  made.append(shape("path", { class: "arrow", d: chosen.filter(({ target }) => target !== OUTSIDE)
    .map(({ points, along }) => arrowPath(points, along)).join("") }));
  return made;
}
