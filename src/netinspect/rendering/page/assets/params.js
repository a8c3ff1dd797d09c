// Parameters: their values in numbers and histograms.

const STATISTICS = ["mean", "std", "min", "max", "zeros", "nan", "inf"];

function parameterRows() {
  return DATA.parameters ? rowsOf(DATA.parameters) : [];
}

/** Return one statistic of a tensor: a number, or null if it is unknown or not finite. */
function statistic(row, name) {
  const found = row.statistics ? row.statistics[STATISTICS.indexOf(name)] : null;
  return typeof found === "number" ? found : null;
}

function statisticText(row, name) {
  const found = row.statistics ? row.statistics[STATISTICS.indexOf(name)] : null;
  const isCount = ["zeros", "nan", "inf"].includes(name);
  return isCount ? (found === null ? "–" : countText(found)) : decimal(found);
}

/** Return the bars of a histogram, which begins and ends at its 1 % and 99 % quantiles; null without one. */
function histogramOf(row, isWide = false) {
  if (!row.histogram) return null;
  const [low, high, ...bars] = row.histogram;
  const most = Math.max(...bars, 1);
  const step = 100 / bars.length;
  const text = `histogram from ${decimal(low)} to ${decimal(high)}, highest bar at ${
    decimal(low + ((bars.indexOf(most) + 0.5) * (high - low)) / bars.length)}`;
  return shape("svg", { class: isWide ? "histogram wide" : "histogram", viewBox: "0 0 100 24", preserveAspectRatio: "none", role: "img", "aria-label": text },
    shape("title", {}, text),
    ...bars.map((bar, at) => {
      const height = bar ? Math.max(1, (bar / most) * 24) : 0;
      return shape("rect", { x: (at * step).toFixed(2), y: (24 - height).toFixed(2), width: (step * 0.86).toFixed(2), height: height.toFixed(2) });
    }));
}

function buildParameters(panel, page) {
  const rows = parameterRows();
  if (!rows.length) return fillPane(panel, "parameters", element("p", { class: "empty" }, "There are no parameters or buffers."));
  const { with_statistics: hasStatistics, findings } = DATA.parameters;
  const number = (name) => ({ title: name === "nan" ? "NaN" : name === "inf" ? "Inf" : name, isNumber: true,
    value: (row) => statistic(row, name),
    cell: (row) => (["nan", "inf"].includes(name) && statistic(row, name)
      ? element("span", { class: "bad-number" }, statisticText(row, name)) : statisticText(row, name)) });
  const table = new SortedTable({
    label: "Parameters and buffers", rows, text: (row) => `${row.name} ${row.dtype}`,
    columns: [
      { title: "name", value: (row) => row.name, cell: (row) => tensorName(row, page) },
      { title: "shape", class: "shape", cell: (row) => shapeText(row.shape) },
      { title: "dtype", value: (row) => row.dtype, cell: (row) => row.dtype },
      { title: "elements", isNumber: true, value: (row) => row.elements, cell: (row) => countText(row.elements) },
      { title: "bytes", isNumber: true, value: (row) => row.bytes, cell: (row) => sizeText(row.bytes) },
      ...hasStatistics ? [...STATISTICS.map(number), { title: "values", hint: "from the 1 % to the 99 % quantile",
        cell: (row) => histogramOf(row) || element("span", { class: "dim" }, row.note || "") }] : [],
    ],
  });
  const found = findings.map(([kind, tensors, names, detail]) => element("p", { class: "note bad" },
    `${kind}: ${plural(tensors, "tensor")} (${names.join(", ")}${tensors > names.length ? ", ..." : ""})${detail ? `, ${detail}` : ""}`));
  fillPane(panel, "parameters", found, element("div", { class: "pane-tools" }, filterField(table, "tensors")), table.element);
}

function tensorName(row, page) {
  const owner = row.name.includes(".") ? row.name.slice(0, row.name.lastIndexOf(".")) : "";
  const place = page.state ? placeOfPath(page.state.picture, owner) : null;
  return element("span", { class: "name-cell" },
    place === null ? row.name : element("button", { type: "button", title: "Show its module in the graph",
      onclick: () => page.showBox(place) }, row.name),
    row.is_buffer ? element("span", { class: "tag" }, "buffer") : "",
    row.is_frozen ? element("span", { class: "tag" }, "frozen") : "",
    row.tied ? element("span", { class: "tag" }, `tied to ${row.tied.join(", ")}`) : "");
}
