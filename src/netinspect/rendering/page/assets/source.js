// Source: the lines that make calls, with the shapes that passed and the boxes of each line.

function buildSource(panel, page) {
  if (!DATA.source.length) return fillPane(panel, "source", notesOf("source").length ? "" : element("p", { class: "empty" }, "There is no source on this page."));
  const whole = DATA.table?.total ? amountOf(DATA.table.total.macs) : 0;
  const find = page.state ? lineIndex(page.state.picture) : null;
  const rows = new Map();
  const boxes = element("div", { class: "line-boxes", role: "group", "aria-label": "Boxes of the line", hidden: true });
  const select = (file, line) => {
    const { found, isMore } = find(file, line);
    mark(lineKey(file, line));
    boxes.hidden = false;
    boxes.replaceChildren(element("span", { class: "dim" }, `${file}:${line}`),
      ...found.map(({ place, path, template }) => element("button", { type: "button", class: "chip",
        onclick: () => page.showBox(place) }, boxTitle(template, path))),
      isMore ? element("span", { class: "dim" }, `and more than these ${found.length}`) : "",
      found.length ? "" : element("span", { class: "dim" }, "no box of the graph"));
    page.state.set({ marked: found.map(({ place }) => place) });
    announce(`${plural(found.length, "box", "boxes")} of line ${line}`);
  };
  const mark = (key) => {
    panel.querySelectorAll("li.chosen").forEach((each) => each.classList.remove("chosen"));
    rows.get(key)?.classList.add("chosen");
  };
  const listings = DATA.source.map((listing) => {
    const lines = [];
    let before = 0;
    for (const [number, text, macs = 0, shapes = ""] of listing.lines) {
      if (before && number > before + 1) lines.push(element("li", { class: "gap" },
        element("span", { class: "gutter" }), element("span", { class: "text" }, "⋯"), element("span", { class: "shapes" })));
      before = number;
      const key = lineKey(listing.file, number);
      const isCall = !!find && !!shapes;
      const share = whole ? macs / whole : 0;
      const gutter = element("span", { class: `gutter${share ? ` heat-${heatStep(share)}` : ""}`,
        title: share ? `${shortText(macs)} MACs, ${percentText(share)}` : null },
        isCall ? element("button", { type: "button", "aria-label": `Line ${number}: show its boxes`,
          onclick: () => select(listing.file, number) }, String(number)) : String(number));
      const failed = DATA.failure?.place && lineKey(DATA.failure.place[0], DATA.failure.place[1]) === key;
      const row = element("li", { class: `${isCall ? "calls" : ""} ${failed ? "failed" : ""}`.trim() || null },
        gutter, element("code", { class: "text" }, text || " "), element("span", { class: "shapes" }, shapes));
      rows.set(key, row);
      lines.push(row);
    }
    const left = listing.total_lines - listing.lines.length;
    // Lines have what the calls in them cost: of a class that contains itself, some of it twice.
    const sum = Math.min(whole, listing.lines.reduce((all, line) => all + (line[2] || 0), 0));
    return element("details", { class: "listing", open: !listing.installed },
      element("summary", {}, listing.name, element("span", { class: "dim" },
        [listing.file, sum ? `${percentText(sum / whole)} of the MACs` : "", left > 0 ? `${plural(left, "line")} not shown` : ""]
          .filter(Boolean).join(" · "))),
      element("div", { class: "code", tabindex: "0", role: "region", "aria-label": `Source of ${listing.name}` }, element("ol", {}, lines)));
  });
  page.showLine = (file, line) => {
    const row = rows.get(lineKey(file, line));
    if (!row) return;
    row.closest("details").open = true;
    if (find) select(file, line);
    row.scrollIntoView({ block: "center" });
    row.querySelector("button")?.focus({ preventScroll: true });
  };
  page.state?.on((changed) => {
    const { site } = page.state.selection.template;
    if (changed.has("selection") && site) mark(lineKey(site.file, site.line));
  });
  fillPane(panel, "source", boxes, listings);
}
