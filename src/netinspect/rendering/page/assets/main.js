// Start of the page.

const DATA = unpack(JSON.parse(byId("data").textContent));

/** What the parts of the page share: the state of the graph, the tabs, and ways from one to another. */
const PAGE = {
  state: DATA.picture ? startState(DATA) : null,
  tabs: null,

  /** Select the box at a place, and show it in the graph. */
  showBox(place) {
    this.state.select(place);
    this.tabs.select("graph");
  },

  showPath(path) {
    const place = this.state && placeOfPath(this.state.picture, path);
    if (place !== null) this.showBox(place);
  },

  toRow(path) {
    this.tabs.select("table");
    this.showRow?.(path);
  },

  toLine(file, line) {
    this.tabs.select("source");
    this.showLine?.(file, line);
  },
};

function start() {
  startTheme();
  startHeader();
  startKeys();
  const { state } = PAGE;
  const hasPart = { graph: state, table: DATA.table, source: state, parameters: DATA.parameters, memory: state, cost: state };
  PAGE.tabs = new Tabs(Object.keys(TABS).filter((name) => hasPart[name]), {
    table: (panel) => buildTable(panel, PAGE),
    source: (panel) => buildSource(panel, PAGE),
    parameters: (panel) => buildParameters(panel, PAGE),
    memory: (panel) => buildMemory(panel, PAGE),
    cost: (panel) => buildCost(panel),
  }, (name) => { if (state && state.tab !== name) state.set({ tab: name }); });
  if (state) {
    startDetail(PAGE);
    startStrip(PAGE);
    const given = new URLSearchParams(location.hash.slice(1)).get("tab");
    PAGE.tabs.select(Object.hasOwn(TABS, given) ? given : "graph");
    startPrint(startGraph(state));
    state.on((changed) => { if (changed.has("tab") && state.tab !== PAGE.tabs.selected) PAGE.tabs.select(state.tab); });
  } else {
    byId("panel-graph").hidden = true;
    PAGE.tabs.select("table");
  }
}

start();
