// Detail: everything about the selected box.

/** Operands that are shown of a box with many, such as a cache of keys and values. */
const FEW_OPERANDS = 4;

function startDetail(page) {
  const host = byId("detail");
  const tensors = new Map();
  for (const row of parameterRows()) {
    const owner = row.name.includes(".") ? row.name.slice(0, row.name.lastIndexOf(".")) : "";
    if (!tensors.has(owner)) tensors.set(owner, []);
    tensors.get(owner).push(row);
  }
  const draw = () => {
    host.replaceChildren(...describe(page, page.state.selection, tensors));
    host.scrollTop = 0;
  };
  page.state.on((changed) => { if (changed.has("selection") || changed.has("shown")) draw(); });
  draw();
}

function describe(page, box, tensors) {
  const { template } = box;
  const { root } = page.state.picture;
  const isModule = template.kind === "module";
  const title = box.parent ? box.name || template.label : DATA.title;
  const kind = { input: "input of the model", output: "output of the model", chain: "consecutive functions",
    group: "calls that repeat together", chapter: "a part of a long forward" }[template.kind];
  const parts = [
    element("h2", {}, title),
    element("p", { class: "sub" }, [isModule && title !== template.label ? template.label : "", kind || "",
      box.path && box.path !== title ? `${isModule ? "" : "in "}${box.path}` : "",
      template.kind === "function" ? template.qualified_name : ""].filter(Boolean).join(" · ")),
    box.isStack ? element("p", { class: "sub" }, `${box.shown + 1} of ${box.count} identical ones`) : "",
    box.call > 1 ? element("p", { class: "sub" }, `call ${box.call}`) : "",
    template.facts ? element("p", { class: "facts mono" }, template.facts) : "",
    ...changeParts(box),
    template.called ? "" : element("p", { class: "note" }, "never called in this run"),
  ];
  if (template.failed && DATA.failure) parts.push(...failureParts(box));
  parts.push(...operandParts(page, box), ...amountParts(template, root), ...placeParts(page, template));
  if (isModule) parts.push(...tensorParts(tensors.get(box.path) || []));
  if (isModule && box.parent && DATA.table) parts.push(element("div", { class: "actions" },
    element("button", { type: "button", onclick: () => page.toRow(box.path) }, "show in the table")));
  return parts.filter(Boolean);
}

/** Return how a box differs from the other model. */
function changeParts(box) {
  const change = CHANGES[changeOf(box)];
  if (!change) return [];
  const { changes } = box.template;
  return [element("p", { class: "note" }, `${SIGNS[changeOf(box)]} ${change}`),
    changes.length ? element("ul", { class: "changes" }, changes.map((each) => element("li", {}, each))) : ""];
}

function failureParts(box) {
  const inside = box.template.items.some((item) => item.template.failed);
  const { failure } = DATA;
  const parts = [element("p", { class: "failed-text" }, inside ? "✗ a call in it failed" : `✗ ${failure.exception}: ${failure.message}`)];
  if (inside) return parts;
  if (failure.explanation) parts.push(element("p", {}, failure.explanation));
  if (failure.operands.length) parts.push(element("h3", {}, "received"), element("ul", { class: "operands" },
    failure.operands.map(([name, sizes, dtype, wrong]) => element("li", {}, `${name} `,
      sizes.flatMap((each, at) => [at ? "×" : "", element("span", { class: wrong.includes(at) ? "wrong" : "" }, String(each))]),
      dtype === "float32" ? "" : ` ${dtype}`))));
  if (failure.remedies.length) parts.push(element("h3", {}, "remedies"),
    element("ul", { class: "remedies" }, failure.remedies.map((each) => element("li", {}, each))));
  return parts;
}

/** Return the boxes at the other ends of the edges of a box, also those outside of the boxes around it. */
function neighbours(box, isSource) {
  const found = [];
  let at = box;
  while (at.parent) {
    const body = at.parent.template;
    const number = at.number;
    let leaves = false;
    for (const edge of body.edges) {
      if ((isSource ? edge.target : edge.source) !== number) continue;
      const other = isSource ? edge.source : edge.target;
      if (other === OUTSIDE) leaves = true;
      else found.push({ place: joinKey(at.parent.place, other), shapes: edge.shapes });
    }
    if (!leaves) break;
    at = at.parent;
  }
  return found;
}

function operandParts(page, box) {
  const { template } = box;
  const row = (operand) => element("li", {}, element("span", { class: "shape" }, shapeText(operand.shape)),
    element("span", { class: "dim" }, `${operand.dtype === "float32" ? "" : ` ${operand.dtype}`}${operand.name && !/^\d+$/.test(operand.name) ? `  ${operand.name}` : ""}`));
  const around = (place) => place.slice(0, Math.max(0, place.lastIndexOf("/")));
  const ends = (isSource) => {
    const seen = new Map(neighbours(box, isSource).map((each) => [each.place, each]));
    const shown = [...seen.values()].slice(0, 12);
    if (!shown.length) return "";
    return element("p", { class: "from" }, isSource ? "from" : "read by", shown.map(({ place }) => {
      const { name, path, template: { kind } } = nameAt(page.state.picture, place);
      // The name of a box elsewhere says too little: `1` may be in any block.
      const isNear = around(place) === around(box.place);
      return element("button", { type: "button", class: "chip", title: path || null, onclick: () => page.showBox(place) },
        isNear || kind !== "module" ? name : path);
    }), seen.size > shown.length ? `and ${seen.size - shown.length} more` : "");
  };
  const parts = [];
  const list = (title, operands, isSource) => {
    const found = box.parent ? ends(isSource) : "";
    // A list that is hardly longer is shown whole.
    const most = operands.length > FEW_OPERANDS + 2 ? FEW_OPERANDS : operands.length;
    if (operands.length || found) parts.push(element("h3", {}, title),
      element("ul", { class: "operands" }, operands.slice(0, most).map(row), found ? element("li", {}, found) : ""),
      operands.length > most ? element("details", { class: "more" }, element("summary", {}, `${operands.length - most} more`),
        element("ul", { class: "operands" }, operands.slice(most).map(row))) : "");
  };
  list("in", template.inputs, true);
  list("out", template.output, false);
  return parts;
}

/** Return the name of the box at a place, without making boxes for the way to it. */
function nameAt(picture, place) {
  let template = picture.root;
  let { items } = template;
  let path = "";
  let name = template.label;
  for (const part of place === "" ? [] : place.split("/")) {
    const number = Number(part);
    const item = items.find((each) => number < each.number + each.count);
    const own = item.names[number - item.number];
    template = item.template;
    items = itemsIn(template, item, number - item.number);
    path = pathOf(template, own, path);
    name = own.replace(/^\./, "") || template.label;
  }
  return { name, path, template };
}

function amountParts(template, root) {
  const { cost } = template;
  const rows = [];
  const add = (label, value, whole, format, text) => {
    if (value) rows.push(element("dt", {}, label), element("dd", {}, text || format(value)),
      element("dd", { class: "part" }, whole ? percentText(value / whole) : ""));
  };
  const of = (name) => (cost ? cost[name] || 0 : 0);
  const ofRoot = (name) => (root.cost ? root.cost[name] || 0 : 0);
  add("MACs", of("macs"), ofRoot("macs"), countText, cost?.texts?.macs);
  add("FLOPs", of("flops"), ofRoot("flops"), countText, cost?.texts?.flops);
  add("other FLOPs", of("other_flops"), ofRoot("other_flops"), countText, cost?.texts?.other_flops);
  add("activations", of("activations"), ofRoot("activations"), countText, cost?.texts?.activations);
  add("bytes read", of("bytes_read"), ofRoot("bytes_read"), sizeText, cost?.texts?.bytes_read);
  add("bytes written", of("bytes_written"), ofRoot("bytes_written"), sizeText, cost?.texts?.bytes_written);
  add("parameters", template.parameters, root.parameters, countText);
  add("their bytes", template.parameter_bytes, root.parameter_bytes, sizeText);
  return rows.length ? [element("h3", {}, "cost"), element("dl", { class: "amounts" }, rows)] : [];
}

function placeParts(page, template) {
  const { site, defined_at: defined } = template;
  const parts = [];
  if (site) parts.push(element("h3", {}, "called at"), element("button", { type: "button", class: "link mono",
    onclick: () => page.toLine(site.file, site.line) }, `${site.file}:${site.line}`),
    site.text ? element("code", { class: "excerpt", tabindex: "0" }, site.text) : "");
  if (defined) parts.push(element("h3", {}, "class defined at"), element("p", { class: "mono" }, defined));
  return parts;
}

function tensorParts(rows) {
  if (!rows.length) return [];
  return [element("h3", {}, "parameters"), element("ul", { class: "tensors" }, rows.slice(0, 40).map((row) => element("li", {},
    element("div", { class: "head" }, element("span", {}, row.name.slice(row.name.lastIndexOf(".") + 1),
      row.is_buffer ? element("span", { class: "tag" }, "buffer") : "",
      row.is_frozen ? element("span", { class: "tag" }, "frozen") : "",
      row.tied ? element("span", { class: "tag" }, `tied to ${row.tied.join(", ")}`) : ""),
    element("span", { class: "number" }, `${shapeText(row.shape)}${row.dtype === "float32" ? "" : ` ${row.dtype}`}`)),
    histogramOf(row, true) || "",
    row.statistics ? element("div", { class: "stats" },
      `mean ${statisticText(row, "mean")} · std ${statisticText(row, "std")} · ${statisticText(row, "min")} to ${statisticText(row, "max")}`,
      statistic(row, "zeros") ? ` · ${statisticText(row, "zeros")} zeros` : "",
      ["nan", "inf"].filter((name) => statistic(row, name)).map((name) => element("span", { class: "bad-number" },
        ` · ${statisticText(row, name)} ${name === "nan" ? "NaN" : "Inf"}`))) : "",
    row.note ? element("div", { class: "stats" }, row.note) : "")))];
}
