// Header and tabs.

const TABS = {
  graph: "Graph", table: "Table", source: "Source", parameters: "Parameters", memory: "Memory", cost: "Cost",
};

function startHeader() {
  byId("target").textContent = DATA.target === DATA.title ? "" : DATA.target;
  for (const [label, text] of DATA.facts)
    byId("facts").append(element("div", {}, element("dt", {}, label), element("dd", { title: text }, text)));
  byId("footer").append(["netinspect", DATA.version, ...DATA.warnings.length ? ["·", ...DATA.warnings] : []].join(" "));
  const { failure } = DATA;
  if (!failure) return;
  const region = byId("failure");
  region.hidden = false;
  region.append(
    element("p", {}, element("strong", {}, "✗ forward failed: "), failure.summary),
    element("p", { class: "mono" }, `${failure.exception}: ${failure.message}`),
    failure.explanation ? element("p", {}, failure.explanation) : "",
    failure.remedies.length ? element("ul", { class: "remedies" }, failure.remedies.map((each) => element("li", {}, each))) : "");
}

/** The tabs of the page: which one is shown, and panes that are built when they are shown first. */
class Tabs {
  constructor(names, panes, onSelect) {
    this.names = names;
    this.panes = panes;
    this.onSelect = onSelect;
    this.built = new Set();
    const list = byId("tabs");
    this.buttons = new Map(names.map((name) => [name, element("button", {
      type: "button", role: "tab", id: `tab-${name}`, "aria-controls": `panel-${name}`, "aria-selected": "false",
      tabindex: "-1", onclick: () => this.select(name),
    }, TABS[name])]));
    list.append(...this.buttons.values());
    list.addEventListener("keydown", (event) => this.onKey(event));
    addEventListener("beforeprint", () => names.forEach((name) => this.build(name)));
  }

  build(name) {
    if (this.built.has(name)) return;
    this.built.add(name);
    this.panes[name]?.(byId(`panel-${name}`));
  }

  select(name) {
    if (!this.buttons.has(name)) return;
    this.selected = name;
    document.body.dataset.tab = name;
    for (const [each, button] of this.buttons) {
      const isSelected = each === name;
      button.setAttribute("aria-selected", String(isSelected));
      button.tabIndex = isSelected ? 0 : -1;
      byId(`panel-${each}`).hidden = !isSelected;
    }
    this.build(name);
    this.onSelect(name);
  }

  onKey(event) {
    const at = this.names.indexOf(this.selected);
    const last = this.names.length - 1;
    const to = { ArrowRight: at === last ? 0 : at + 1, ArrowLeft: at === 0 ? last : at - 1, Home: 0, End: last }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    this.select(this.names[to]);
    this.buttons.get(this.names[to]).focus();
  }
}

/** Return the notes on a part of the page. */
function notesOf(part) {
  return DATA.notes.filter(([name]) => name === part).map(([, text]) => element("p", { class: "note" }, text));
}

/** Fill a panel with a pane: its content, or the reason why there is none. */
function fillPane(panel, part, ...content) {
  const notes = notesOf(part);
  const title = element("h2", {}, TABS[part]);
  panel.append(element("div", { class: "pane" }, title, notes, content));
}
