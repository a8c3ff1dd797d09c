// Heat: colours of boxes by their share of an amount of the whole model, with a legend in numbers.

/** Shares from which the colours two to six hold; any smaller share has the first one. */
const HEAT_STEPS = [0.003, 0.01, 0.03, 0.1, 0.3];

const HEATS = {
  macs: { title: "MACs", noun: "MACs", format: shortText, texts: "macs" },
  params: { title: "parameters", noun: "parameters", format: shortText },
  activations: { title: "activations", noun: "activations", format: shortText, texts: "activations" },
  bytes: { title: "bytes moved", noun: "bytes read and written", format: sizeText },
};

/** Return the amount of one box of a template. */
function amountOfTemplate(template, heat) {
  if (heat === "params") return template.parameters;
  const { cost } = template;
  if (!cost || !HEATS[heat]) return 0;
  if (heat === "bytes") return (cost.bytes_read || 0) + (cost.bytes_written || 0);
  return cost[heat] || 0;
}

/** Return the number of distinct modules, or groups of modules, that an item stands for. */
function modulesOf({ names, innerNames }) {
  return new Set(innerNames.length ? innerNames.map((each) => each.join("\n")) : names).size;
}

/** Return the amount of all boxes of an item; parameters of the same module count once. */
function amountOfItem(template, item, heat) {
  const count = !item ? 1 : heat === "params" ? modulesOf(item) : item.count;
  return amountOfTemplate(template, heat) * count;
}

/** Return the amount of what a box stands for: of an open stack the one that it shows. */
function amountOfBox(box, heat = box.state.heat) {
  if (!box.isStack || (box.isOpen && !box.isUnrolled)) return amountOfTemplate(box.template, heat);
  return amountOfItem(box.template, box.item, heat);
}

function shareOfBox(box, heat = box.state.heat) {
  const whole = amountOfTemplate(box.state.picture.root, heat);
  return whole ? amountOfBox(box, heat) / whole : 0;
}

/** Return the heats of which a picture has amounts. */
function heatsOf(picture) {
  return Object.keys(HEATS).filter((heat) => amountOfTemplate(picture.root, heat) > 0);
}

/** Return a heat that was asked for, "" being none; the first one of the picture for any it does not have. */
function heatFor(picture, asked) {
  const known = heatsOf(picture);
  return asked === "" || known.includes(asked) ? asked : known[0] || "";
}

/** Return the colour of a share, from 0 for nothing to 6. */
function heatStep(share) {
  if (!(share > 0)) return 0;
  return 1 + HEAT_STEPS.filter((least) => share >= least).length;
}

/** Format the amount of a box; of a trace with symbols as an expression. */
function heatText(box, heat = box.state.heat) {
  const amount = amountOfBox(box, heat);
  const kind = HEATS[heat];
  if (!kind || !amount) return "";
  const text = kind.texts && box.template.cost?.texts?.[kind.texts];
  if (!text) return kind.format(amount);
  const count = Math.round(amount / amountOfTemplate(box.template, heat));
  return count > 1 ? `${count} x ${text}` : text;
}

/** Keep the legend of the colours up to date; its button goes to the boxes that cost most. */
function startLegend(host, state, toLargest) {
  const draw = () => {
    host.replaceChildren();
    const kind = HEATS[state.heat];
    const whole = kind ? amountOfTemplate(state.picture.root, state.heat) : 0;
    host.hidden = !whole;
    if (!whole) return;
    const bounds = ["", ...HEAT_STEPS.map((share) => `${share * 100}`.slice(0, 4))];
    const steps = bounds.map((bound, at) => element("li", {},
      element("span", { class: `swatch heat-${at + 1}`, "aria-hidden": "true" }),
      at === 0 ? `<${bounds[1]}` : at === bounds.length - 1 ? `\u2265${bound} %` : `\u2265${bound}`));
    host.append(
      element("div", { class: "legend-title" }, element("span", {}, `share of ${heatText(state.root)} ${kind.noun}`),
        button("largest", "Go to the largest box, and then to the next ones", toLargest)),
      element("ol", { class: "legend-steps" }, steps));
    if (state.picture.root.change) host.append(element("ul", { class: "legend-steps" },
      Object.entries(SIGNS).map(([change, sign]) => element("li", { class: `sign ${change}` }, `${sign} ${CHANGES[change]}`))));
  };
  state.on((changed) => { if (changed.has("heat")) draw(); });
  draw();
}
