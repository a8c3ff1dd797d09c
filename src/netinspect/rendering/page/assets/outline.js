// Outline: the boxes as a tree of text, with the same selection and the same open boxes as the graph. It is what
// screen readers read. Only the rows in its window are elements; each has its level and its place.

const ROW_HEIGHT = 24;
const ROWS_AROUND = 12;

class Outline {
  constructor(host, state, layouts) {
    Object.assign(this, { host, state, layouts });
    this.tree = element("div", { role: "tree", tabindex: 0, "aria-label": "Boxes of the model", class: "tree",
      onclick: (event) => this.onClick(event), ondblclick: (event) => this.onDoubleClick(event),
      onkeydown: (event) => this.onKey(event) });
    host.replaceChildren(this.tree);
    host.addEventListener("scroll", () => this.schedule());
    new ResizeObserver(() => this.schedule()).observe(host);
    state.on((changed) => {
      this.schedule();
      if (changed.has("selection") || changed.has("open")) this.reveal(state.selection);
    });
    this.draw();
  }

  schedule() {
    this.frame ||= requestAnimationFrame(() => { this.frame = 0; this.draw(); });
  }

  /** Return the box in a row, and its place among its siblings. */
  boxIn(row) {
    let box = this.state.root;
    let [level, at, siblings, rest] = [1, 0, 1, row];
    while (rest > 0) {
      rest--;
      const { children } = this.layouts.of(box);
      at = 0;
      while (rest >= children[at].layout.rows) rest -= children[at++].layout.rows;
      siblings = children.length;
      box = box.contents[at];
      level++;
    }
    return { box, level, at, siblings, row };
  }

  rowOf(box) {
    let row = 0;
    for (let at = box; at.frame; at = at.frame) {
      row++;
      for (const child of this.layouts.of(at.frame).children.slice(0, indexIn(at))) row += child.layout.rows;
    }
    return row;
  }

  draw() {
    const { host, tree, state } = this;
    const { rows } = this.layouts.of(state.root);
    tree.style.height = `${rows * ROW_HEIGHT}px`;
    const first = Math.max(0, Math.floor(host.scrollTop / ROW_HEIGHT) - ROWS_AROUND);
    const end = Math.min(rows, Math.ceil((host.scrollTop + host.clientHeight) / ROW_HEIGHT) + ROWS_AROUND);
    const selected = this.rowOf(state.selection);
    const shown = new Set([selected]);
    for (let row = first; row < end; row++) shown.add(row);
    tree.replaceChildren(...[...shown].sort((a, b) => a - b).map((row) => this.rowElement(this.boxIn(row))));
    tree.setAttribute("aria-activedescendant", `row${selected}`);
  }

  rowElement({ box, level, at, siblings, row }) {
    const { template, state } = box;
    const share = shareOfBox(box);
    const isSelected = box === state.selection;
    const made = element("div", {
      role: "treeitem", id: `row${row}`, "data-key": box.key, "aria-level": level, "aria-posinset": at + 1,
      "aria-setsize": siblings, "aria-selected": String(isSelected), "aria-label": labelOf(box),
      "aria-expanded": box.canOpen ? String(box.isOpen) : null,
      class: ["row", template.failed && "failed", changeOf(box), !template.called && "uncalled"].filter(Boolean).join(" "),
    });
    const bar = element("span", { class: `bar heat-${heatStep(share)}` });
    made.append(
      element("span", { class: box.isOpen || opensByDefault(template) ? "twist" : "twist quiet" }, box.canOpen ? (box.isOpen ? "\u25be" : "\u25b8") : ""),
      // The sign and the share come from the style sheet: the label has words for them, in another place.
      element("span", { class: "words", "data-sign": SIGNS[changeOf(box)] },
        element("span", { class: isNamed(box) ? "row-name" : "" }, titleOf(box)),
        isNamed(box) && ["module", "group"].includes(template.kind) ? element("span", { class: "row-class" }, ` ${template.label}`) : "",
        box.isStack ? element("span", { class: "row-count" }, countOf(box)) : ""),
      element("span", { class: "share", "data-share": share ? percentText(share) : null }), bar);
    made.style.transform = `translateY(${row * ROW_HEIGHT}px)`;
    made.style.paddingLeft = `${Math.min(level - 1, 14) * 13 + 4}px`;
    bar.style.width = share ? `${Math.max(2, Math.min(1, share) * 44)}px` : "0";
    return made;
  }

  reveal(box) {
    const top = this.rowOf(box) * ROW_HEIGHT;
    const { host } = this;
    if (top < host.scrollTop || top + ROW_HEIGHT > host.scrollTop + host.clientHeight)
      host.scrollTop = top - host.clientHeight / 3;
  }

  boxUnder(event) {
    const row = event.target.closest("[role=treeitem]");
    return row && this.state.boxOf(row.dataset.key);
  }

  onClick(event) {
    const box = this.boxUnder(event);
    if (!box) return;
    this.state.select(box);
    if (event.target.closest(".twist")) this.state.toggle(box);
  }

  onDoubleClick(event) {
    const box = this.boxUnder(event);
    if (box && !event.target.closest(".twist")) this.state.toggle(box);
  }

  /** Move in the order of the rows, as trees do; all other keys are those of the page. */
  onKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const { rows } = this.layouts.of(this.state.root);
    const row = this.rowOf(this.state.selection);
    const page = Math.max(1, Math.floor(this.host.clientHeight / ROW_HEIGHT) - 1);
    const targets = { ArrowDown: row + 1, ArrowUp: row - 1, Home: 0, End: rows - 1, PageDown: row + page, PageUp: row - page };
    if (!(event.key in targets)) return;
    event.preventDefault();
    event.stopPropagation();
    const target = Math.max(0, Math.min(rows - 1, targets[event.key]));
    if (target !== row) this.state.select(this.boxIn(target).box);
  }
}

/** Return whether a box has a name: modules, inputs, and groups that repeat, which have those of their modules. */
function isNamed(box) {
  return box.name !== "" || (box.template.kind === "group" && box.item.count > 1);
}

/** Return the name of a box, or what it calls. */
function titleOf(box) {
  if (!isNamed(box)) return box.template.label || box.template.kind;
  if (box.isStack && !(box.isOpen && !box.isUnrolled)) return nameOf(box.template, box.item, null);
  if (box.template.kind === "group") return nameOf(box.template, box.item, box.shown);
  const isAgain = box.template.kind === "module" && box.call > 1;
  return isAgain ? `${box.name} (call ${box.call})` : box.name;
}

function countOf(box) {
  return box.isOpen && !box.isUnrolled ? ` ${box.shown + 1} of ${box.count}` : ` \u00d7${box.count}`;
}

/** Describe a box in words: name, class, output, share, and what is special. */
function labelOf(box) {
  const { template, state } = box;
  const share = shareOfBox(box);
  const kinds = { only_a: "only in the old model", only_b: "only in the new model", changed: "changed" };
  return [
    titleOf(box) || template.label,
    template.kind === "module" || template.kind === "group" ? (isNamed(box) ? template.label : "") : template.kind,
    box.isStack ? countOf(box).trim() : "",
    template.output.length ? `output ${shapesText(template.output)}` : "",
    share ? `${percentText(share)} of ${HEATS[state.heat].noun}` : "",
    template.failed ? "failed" : "", template.called ? "" : "never called", kinds[changeOf(box)] || "",
  ].filter(Boolean).join(", ");
}
