// Table: the rows of `summary`, linked with the boxes of the graph.

function buildTable(panel, page) {
  const data = DATA.table;
  if (!data) return fillPane(panel, "table", element("p", { class: "empty" }, "There is no table."));
  const rows = rowsOf(data);
  const isCheckpoint = !data.total;
  const view = { folds: true };
  /** Return the number of identical blocks that a row stands for. */
  view.times = (row) => (view.folds ? row.repeats : 1);
  const columns = isCheckpoint ? groupColumns(rows, view) : moduleColumns(data, page, view);
  const hasRepeats = rows.some((row) => row.repeat_of !== null);
  const isChosen = (row, box) => box.template.kind === "module" && box.path === row.path;
  const table = new SortedTable({
    label: isCheckpoint ? "Groups of tensors" : "Modules", columns, rows,
    text: (row) => `${row.path} ${row.class} ${row.facts || ""}`,
    decorate: (made, row) => {
      made.dataset.path = row.path;
      made.classList.toggle("chosen", page.state !== null && isChosen(row, page.state.selection));
    },
  });
  const fold = () => {
    table.keeps = (row) => !view.folds || row.repeat_of === null;
    table.draw();
  };
  fold();
  page.state?.on((changed) => { if (changed.has("selection") || changed.has("shown")) table.draw(); });
  page.showRow = (path) => {
    let row = rows.find((each) => each.path === path);
    // A module without a row of its own is in that of the first identical one.
    if (row && view.folds && row.repeat_of !== null) row = rows.find((each) => each.path === row.repeat_of);
    const made = row && [...table.body.rows].find((each) => each.dataset.path === row.path);
    made?.scrollIntoView({ block: "center" });
    made?.querySelector("button")?.focus({ preventScroll: true });
  };
  const tools = element("div", { class: "pane-tools" }, filterField(table, isCheckpoint ? "groups" : "modules"),
    hasRepeats ? element("label", {}, element("input", { type: "checkbox", checked: true,
      onchange: (event) => { view.folds = event.target.checked; fold(); } }), "fold identical blocks") : "");
  const notes = (data.notes || []).map((text) => element("p", { class: "note" }, text));
  fillPane(panel, "table", tools, table.element, notes);
}

/** Return the name of a row: in the tree indented, in a list as its whole path. */
function rowName(row, isPlain, page, view) {
  const own = isPlain ? row.path || DATA.title : row.name || (row.depth ? "''" : DATA.title);
  const title = view.times(row) > 1 ? `${own}..${row.last_name}` : own;
  const place = page?.state ? placeOfPath(page.state.picture, row.path) : null;
  const name = place === null ? element("span", {}, title)
    : element("button", { type: "button", title: "Show in the graph", onclick: () => page.showBox(place) }, title);
  const indent = element("span", { class: "indent" });
  indent.style.width = isPlain ? "0" : `${row.depth * 16}px`;
  const repeats = view.times(row) > 1 ? element("span", { class: "count" }, `×${row.repeats}`) : "";
  const tags = [
    row.failed ? element("span", { class: "tag bad" }, "failed") : "",
    row.alias_of !== null && row.alias_of !== undefined ? element("span", { class: "tag" }, `same as ${row.alias_of || "the model"}`) : "",
    row.calls === 0 && DATA.table.counted !== "no" ? element("span", { class: "tag" }, "never called") : "",
    row.calls > 1 ? element("span", { class: "tag" }, `${row.calls} calls`) : "",
  ];
  return element("span", { class: "name-cell" }, indent, name, repeats, tags);
}

function moduleColumns(data, page, view) {
  const { total } = data;
  const { times } = view;
  const amount = (key, title, format, hint) => ({
    title, isNumber: true, hint, value: (row) => amountOf(row[key]) * times(row),
    cell: (row) => (amountOf(row[key]) ? (times(row) > 1 ? `${times(row)} × ` : "") + amountText(row[key], format) : "–"),
  });
  const share = (key, title) => ({
    title, class: "share", isNumber: false, value: (row) => -amountOf(row[key]) * times(row),
    cell: (row) => (amountOf(total[key]) ? shareCell((amountOf(row[key]) * times(row)) / amountOf(total[key])) : ""),
  });
  const columns = [
    { title: "module", value: (row) => row.path, cell: (row, isPlain) => rowName(row, isPlain, page, view) },
    { title: "class", value: (row) => row.class, cell: (row) => row.class },
    { title: "output", class: "shape", value: null, cell: (row) => row.output || "–" },
    amount("params", "params", countText, "parameters of the module and those in it"),
    share("params", "% params"),
  ];
  if (data.counted !== "no") columns.push(
    amount("macs", "MACs", shortText, "multiply-accumulates of matrix products and convolutions"), share("macs", "% MACs"),
    amount("activations", "activations", shortText, "elements that matrix products and convolutions return"));
  columns.push(amount("bytes", "bytes", sizeText, "bytes of the parameters"),
    { title: "arguments", class: "facts", value: null, cell: (row) => row.facts });
  return columns;
}

function groupColumns(rows, view) {
  const { times } = view;
  const whole = Math.max(1, ...rows.map((row) => row.bytes));
  const number = (key, title, format) => ({ title, isNumber: true, value: (row) => row[key] * times(row),
    cell: (row) => (times(row) > 1 ? `${times(row)} × ` : "") + format(row[key]) });
  return [
    { title: "name", value: (row) => row.path, cell: (row, isPlain) => rowName(row, isPlain, null, view) },
    { title: "class", value: (row) => row.class, cell: (row) => row.class || "–" },
    number("tensors", "tensors", countText), number("elements", "elements", countText), number("bytes", "bytes", sizeText),
    { title: "% bytes", class: "share", value: (row) => -row.bytes * times(row), cell: (row) => shareCell((row.bytes * times(row)) / whole) },
    { title: "dtypes", cell: (row) => row.dtypes },
  ];
}
