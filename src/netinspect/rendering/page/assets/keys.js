// Keys of the page. Each is one line of the list that `?` shows.

const KEYS = [];

/** Bind keys; a function that returns false leaves the key to the browser. */
function addKeys(names, description, action) {
  KEYS.push({ names: names.split(" "), description, action });
}

function startKeys() {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (event.target.closest("input, select, textarea, dialog")) return;
    // Buttons and tabs keep the keys by which they are used.
    const isControl = event.target.closest("button, a, summary, [role=tab]");
    if (isControl && (event.key === "Enter" || event.key === " " || event.key.startsWith("Arrow"))) return;
    const name = event.key === " " ? "Space" : event.shiftKey && event.key.length > 1 ? `Shift+${event.key}` : event.key;
    const found = KEYS.find((each) => each.names.includes(name));
    if (found && found.action(event) !== false) event.preventDefault();
  });
  addKeys("?", "this list", () => showKeys());
}

function showKeys() {
  const rows = KEYS.map(({ names, description }) => element("tr", {},
    element("th", { scope: "row" }, names.map((name) => element("kbd", {}, KEY_NAMES[name] || name))),
    element("td", {}, description)));
  const dialog = element("dialog", { class: "keys", "aria-label": "Keys", onclose: () => dialog.remove(),
    onclick: (event) => { if (event.target === dialog) dialog.close(); } },
    element("table", {}, element("tbody", {}, rows)),
    element("form", { method: "dialog" }, element("button", {}, "Close")));
  document.body.append(dialog);
  dialog.showModal();
}

const KEY_NAMES = { ArrowUp: "\u2191", ArrowDown: "\u2193", ArrowLeft: "\u2190", ArrowRight: "\u2192", "Shift+Enter": "Shift Enter" };

/** Bind the keys of the graph. */
function startGraphKeys(state, graph, outline, search, toLargest) {
  const isShown = () => state.tab === "graph";
  const bind = (names, description, action) => addKeys(names, description, () => (isShown() ? action(state.selection) : false));
  bind("ArrowDown", "to what reads the output", (box) => go(alongData(graph, box, false)));
  bind("ArrowUp", "to what made the input", (box) => go(alongData(graph, box, true)));
  bind("ArrowRight", "open, or go inside", (box) => (box.isOpen ? go(box.contents[0]) : state.open(box)));
  bind("ArrowLeft", "close, or go to the box around", (box) => (box.isOpen && box.parent ? state.close(box) : go(box.frame)));
  bind("j", "next box in the order of the calls", (box) => go(inRow(box, 1)));
  bind("k", "previous box", (box) => go(inRow(box, -1)));
  bind("Enter Space", "open or close", (box) => state.toggle(box));
  bind("[", "show the previous box of a stack", (box) => turn(box, -1));
  bind("]", "show the next box of a stack", (box) => turn(box, 1));
  bind("u Shift+Enter", "show all boxes of a stack, or one again", (box) => {
    const stack = stackAround(box);
    if (stack) state.setMode(stack, stack.isUnrolled ? OPEN : UNROLLED);
  });
  bind("e", "open everything inside", (box) => state.setModeBelow(box, OPEN));
  bind("E", "open everything inside, and show all boxes of stacks", (box) => state.setModeBelow(box, UNROLLED));
  bind("c", "close everything inside", (box) => state.setModeBelow(box, CLOSED));
  bind("m", "to the box that costs most, and then to the next ones", toLargest);
  bind("0", "fit the graph into the window", () => graph.fit());
  bind("+ =", "larger", () => graph.camera.zoom(1.25));
  bind("-", "smaller", () => graph.camera.zoom(0.8));
  bind("r", "turn the graph", () => state.set({ direction: state.direction === "TB" ? "LR" : "TB" }));
  bind("x", "show or hide labels of data that many boxes read", () => state.set({ isStubbed: !state.isStubbed }));
  const changes = changedPlaces(state.picture);
  addKeys("/", "search", () => { search.field.focus(); search.field.select(); });
  addKeys("n", changes.length ? "next that was found, or next change" : "next that was found", () => next(1));
  addKeys("N p", changes.length ? "previous one" : "previous that was found", () => next(-1));

  function go(box) { if (box) state.select(box); }

  function turn(box, step) {
    const stack = stackAround(box);
    if (stack && !stack.isUnrolled) state.show(stack, stack.shown + step);
  }

  function inRow(box, step) {
    const row = outline.rowOf(box) + step;
    return row >= 0 && row < graph.root.rows ? outline.boxIn(row).box : null;
  }

  let change = -1;
  function next(step) {
    if (search.found.length) return search.go(step);
    if (!changes.length) return false;
    change = (change + step + (change < 0 && step < 0 ? 1 : 0) + changes.length) % changes.length;
    state.select(changes[change]);
    return true;
  }
}

/** Return the stack that a box is, or is in. */
function stackAround(box) {
  let found = box;
  while (found && !found.isStack) found = found.frame;
  return found;
}

/** Return the box that made the data of a box, or that reads it; through the borders of the boxes around it. */
function alongData(graph, box, isUp) {
  for (let at = box; at.frame; at = at.frame) {
    const layout = graph.layouts.of(at.frame);
    const here = indexIn(at);
    const ends = [...layout.routes, ...layout.stubs]
      .filter((route) => (isUp ? route.target : route.source) === here)
      .map((route) => (isUp ? route.source : route.target)).filter((end) => end !== OUTSIDE);
    if (ends.length) return at.frame.contents[isUp ? Math.max(...ends) : Math.min(...ends)];
  }
  return null;
}

/** Return the places of what differs from the other model, each difference at its innermost box. */
function changedPlaces(picture) {
  const found = [];
  const isChange = (change) => change && change !== "same";
  const walk = (template, place) => {
    for (const item of template.items) {
      const change = item.change || item.template.change;
      if (!isChange(change) || found.length >= MOST_FOUND) continue;
      const key = joinKey(place, item.number);
      const before = found.length;
      if (change === "changed") walk(item.template, key);
      if (found.length === before) found.push(key);
    }
  };
  if (picture.root.change) walk(picture.root, "");
  return found;
}

/** Say the selection to screen readers, and keep the state in the address. */
function startAddress(state) {
  let timer = 0;
  state.readHash(location.hash);
  state.on((changed) => {
    if (changed.has("selection") || changed.has("open")) {
      const isOpen = state.selection.isOpen ? ", open" : "";
      announce(labelOf(state.selection) + isOpen);
    }
    clearTimeout(timer);
    timer = setTimeout(() => {
      // In a sandboxed frame there is no address to keep.
      try { history.replaceState(null, "", `#${state.hash()}`); } catch { /* nothing is lost but the address */ }
    }, 250);
  });
  window.addEventListener("hashchange", () => { if (location.hash !== `#${state.hash()}`) state.readHash(location.hash); });
}

/** Return the state of the picture of a page. */
function startState(data) {
  const state = new State(readPicture(data.picture), data.picture.opened);
  state.heat = heatFor(state.picture, data.heat);
  return state;
}

/** Start the graph with its outline, search, legend and keys. */
function startGraph(state) {
  const { failedPath } = state.picture;
  if (failedPath.length) state.select(failedPath.join("/"));
  startAddress(state);
  const graph = new Graph(byId("graph"), state);
  const outline = new Outline(byId("outline"), state, graph.layouts);
  const search = new Search(byId("search"), byId("found"), state);
  const toLargest = largestFirst(state);
  startLegend(byId("legend"), state, toLargest);
  startToolbar(byId("graph"), state, graph);
  startChoices(byId("heat"), byId("direction"), state);
  startGraphKeys(state, graph, outline, search, toLargest);
  return graph;
}
