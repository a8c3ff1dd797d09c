// Toolbar of the graph: what can be done with the selected box, and the size of what is shown.

function startToolbar(host, state, graph) {
  const bar = element("div", { class: "toolbar", role: "toolbar", "aria-label": "Selected box" });
  const zoom = element("div", { class: "zoom", role: "group", "aria-label": "Size" },
    button("\u2212", "Smaller", () => graph.camera.zoom(0.8)),
    button("+", "Larger", () => graph.camera.zoom(1.25)),
    button("fit", "Fit into the window", () => graph.fit()),
    button("?", "Keys", showKeys));
  host.after(bar, zoom);
  let shown = "";
  const draw = () => {
    const box = state.selection;
    const stack = stackAround(box);
    const key = [box.key, stack?.key, stack && state.mode(stack), stack?.shown, box.isOpen].join("|");
    if (key === shown) return;
    shown = key;
    const parts = [];
    if (box.parent && opensByDefault(box.template)) parts.push(button(box.isOpen ? "close" : "open", box.isOpen ? "Close" : "Open", () => state.toggle(box)));
    if (stack && !stack.isUnrolled) parts.push(
      button("\u2039", "Previous box of the stack", () => state.show(stack, stack.shown - 1)),
      element("span", { class: "which" }, `${stack.shown + 1} of ${stack.count}`),
      button("\u203a", "Next box of the stack", () => state.show(stack, stack.shown + 1)),
      button(`show all ${stack.count}`, `Show all ${stack.count} boxes`, () => state.unroll(stack)));
    else if (stack) parts.push(button("show one", "Show one box of the stack", () => state.open(stack)));
    const active = bar.contains(document.activeElement) ? document.activeElement.getAttribute("aria-label") : null;
    bar.replaceChildren(...parts);
    // A button that was used keeps the focus, although it was made again.
    if (active) (bar.querySelector(`[aria-label="${active}"]`) || host).focus();
    bar.hidden = !parts.length;
  };
  state.on(draw);
  draw();
}

/** Keep the choices of the colours and of the direction in step with the state; keys and addresses change it too. */
function startChoices(heat, direction, state) {
  heat.append(...heatsOf(state.picture).map((each) => element("option", { value: each }, HEATS[each].title)),
    element("option", { value: "" }, "none"));
  heat.addEventListener("change", () => state.set({ heat: heat.value }));
  const turned = () => (state.direction === "TB" ? "LR" : "TB");
  direction.addEventListener("click", () => state.set({ direction: turned() }));
  const draw = () => {
    heat.value = state.heat;
    const way = turned() === "LR" ? "from left to right" : "from top to bottom";
    direction.textContent = turned();
    direction.title = `Draw the graph ${way}`;
    direction.setAttribute("aria-label", `${turned()}: draw the graph ${way}`);
  };
  state.on((changed) => { if (changed.has("heat") || changed.has("direction")) draw(); });
  draw();
}

function button(text, label, action) {
  return element("button", { type: "button", "aria-label": label, title: label, onclick: action }, text);
}
