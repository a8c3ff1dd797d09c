// Memory: the timeline as areas by category, and the modules at the peak.

const CHART = { width: 1000, height: 260 };

/** Return the areas of a timeline, one path for each category, scaled to the peak. */
function timelineAreas(memory, width, height) {
  const { points, categories } = memory;
  const highest = Math.max(memory.peak[5], 1);
  const top = height * 0.06;
  const x = (at) => (points.length > 1 ? (at / (points.length - 1)) * width : 0);
  const y = (bytes) => height - (bytes / highest) * (height - top);
  let below = points.map(() => 0);
  return categories.map((category, number) => {
    const above = points.map((point, at) => below[at] + point[6][number]);
    const isEmpty = points.every((point) => point[6][number] === 0);
    const line = (values) => values.map((value, at) => `${x(at).toFixed(1)} ${y(value).toFixed(1)}`);
    const d = `M${line(above).join("L")}L${line(below).reverse().join("L")}Z`;
    below = above;
    return isEmpty ? null : shape("path", { class: `m${number}`, d });
  }).filter(Boolean);
}

function peakIndex(memory) {
  return memory.points.findIndex((point) => point[0] === memory.peak[0]);
}

function describePoint(memory, point) {
  const [, phase, iteration, module, operation, total, amounts] = point;
  const parts = memory.categories.map((category, at) => [amounts[at], category.replaceAll("_", " ")])
    .filter(([bytes]) => bytes).sort((a, b) => b[0] - a[0]).map(([bytes, category]) => `${category} ${sizeText(bytes)}`);
  const when = memory.training ? `${phase}, iteration ${iteration + 1}` : phase;
  return [`${sizeText(total)}  ${operation}${module ? ` in ${module}` : ""}  (${when})`, parts.join(" · ")];
}

function buildMemory(panel, page) {
  const { memory } = DATA;
  // A note says why.
  if (!memory) return fillPane(panel, "memory", notesOf("memory").length ? "" : element("p", { class: "empty" }, "There is no memory."));
  const { points, peak } = memory;
  const { width, height } = CHART;
  const at = peakIndex(memory);
  const place = (index) => (points.length > 1 ? (index / (points.length - 1)) * width : 0);
  const cursor = shape("line", { class: "cursor", y1: 0, y2: height, x1: place(at), x2: place(at) });
  const svg = shape("svg", { viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none", role: "img",
    "aria-label": `Memory over time; the peak is ${countText(peak[5])} bytes in ${peak[3] || "the model"}` },
    ...timelineAreas(memory, width, height),
    ...points.flatMap((point, index) => (index && (point[1] !== points[index - 1][1] || point[2] !== points[index - 1][2])
      ? [shape("line", { class: "phase", x1: place(index), x2: place(index), y1: 0, y2: height })] : [])),
    shape("line", { class: "peak", x1: 0, x2: width, y1: height * 0.06, y2: height * 0.06 }), cursor);
  const readout = element("p", { class: "readout" });
  const slider = element("input", { type: "range", min: 0, max: points.length - 1, value: at, class: "hidden",
    "aria-label": "Point of the timeline" });
  const showPoint = (index) => {
    const point = points[index];
    if (!point) return;
    cursor.setAttribute("x1", place(index));
    cursor.setAttribute("x2", place(index));
    const [head, parts] = describePoint(memory, point);
    readout.replaceChildren(element("strong", {}, head), element("br"), element("span", { class: "dim" }, parts));
    slider.value = index;
    slider.setAttribute("aria-valuetext", head);
  };
  const indexAt = (event) => {
    const { left, width: wide } = svg.getBoundingClientRect();
    return Math.max(0, Math.min(points.length - 1, Math.round(((event.clientX - left) / wide) * (points.length - 1))));
  };
  svg.addEventListener("pointermove", (event) => showPoint(indexAt(event)));
  svg.addEventListener("pointerleave", () => showPoint(at));
  svg.addEventListener("click", (event) => page.showPath?.(points[indexAt(event)][3]));
  slider.addEventListener("input", () => showPoint(Number(slider.value)));
  showPoint(at);
  const used = memory.categories.map((category, number) => [category, number])
    .filter(([, number]) => points.some((point) => point[6][number]));
  const rows = memory.modules.map(([path, name, total, amounts]) => ({ path, name, total, amounts }));
  const table = new SortedTable({
    label: "Modules at the peak", rows, text: (row) => `${row.path} ${row.name}`,
    columns: [
      { title: "module", value: (row) => row.path, cell: (row) => pathButton(row.path, page) },
      { title: "class", value: (row) => row.name, cell: (row) => row.name || "–" },
      { title: "at the peak", isNumber: true, value: (row) => row.total, cell: (row) => sizeText(row.total) },
      { title: "% peak", class: "share", value: (row) => -row.total, cell: (row) => shareCell(row.total / peak[5]) },
      ...used.map(([category, number]) => ({ title: category.replaceAll("_", " "), isNumber: true,
        value: (row) => row.amounts[number], cell: (row) => (row.amounts[number] ? sizeText(row.amounts[number]) : "–") })),
    ],
  });
  const how = memory.training ? `two iterations of training with ${memory.optimizer}` : "one forward";
  fillPane(panel, "memory",
    element("p", { class: "note" }, element("strong", { id: "peak", "data-bytes": peak[5] }, `peak ${sizeText(peak[5])}`),
      ` in ${how}${memory.batch === null ? "" : `, batch ${memory.batch}`}, estimated for the allocator of ${memory.allocator}`),
    memory.warnings.map((text) => element("p", { class: "note" }, text)),
    element("div", { class: "chart" }, svg, slider), readout,
    element("ul", { class: "keys" }, used.map(([category, number]) => element("li", {},
      element("span", { class: `swatch m${number}`, "aria-hidden": "true" }), category.replaceAll("_", " ")))),
    element("h3", {}, "Modules at the peak"), table.element);
}

/** Fill the strip below the graph with a small timeline that leads to the tab. */
function startStrip(page) {
  const { memory } = DATA;
  if (!memory) return;
  const strip = byId("strip");
  strip.hidden = false;
  const svg = shape("svg", { viewBox: "0 0 1000 34", preserveAspectRatio: "none", "aria-hidden": "true" }, ...timelineAreas(memory, 1000, 34));
  strip.append(element("button", { type: "button", onclick: () => page.tabs.select("memory") },
    element("span", {}, "memory"), svg, element("span", {}, "peak ", element("strong", {}, sizeText(memory.peak[5])))));
}

/** Return a button that shows the box of a module. */
function pathButton(path, page) {
  const place = page.state ? placeOfPath(page.state.picture, path) : null;
  const title = path || DATA.title;
  return place === null ? title : element("span", { class: "name-cell" },
    element("button", { type: "button", onclick: () => page.showBox(place) }, title));
}
