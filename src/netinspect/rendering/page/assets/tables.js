// Tables that are sorted by their headings and filtered by a text.

/**
 * A table of rows.
 *
 * A column has a `title`, a `cell(row)` that returns a text or an element, and for sorting a `value(row)`.
 * `isNumber` aligns it to the right, and sorts the largest first.
 */
class SortedTable {
  constructor({ label, columns, rows, text, decorate = () => {}, sort = null }) {
    Object.assign(this, { columns, rows, text, decorate, sort });
    this.isDescending = false;
    this.needle = "";
    this.keeps = () => true;
    this.heads = columns.map((column) => {
      const head = element("th", { scope: "col", class: column.isNumber ? "number" : null });
      head.append(column.value
        ? element("button", { type: "button", title: column.hint, onclick: () => this.toggle(column) }, column.title)
        : element("span", { class: "dim", title: column.hint }, column.title));
      return head;
    });
    this.body = element("tbody");
    this.element = element("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": label },
      element("table", {}, element("caption", { class: "hidden" }, label),
        element("thead", {}, element("tr", {}, this.heads)), this.body));
    if (sort) this.isDescending = sort.isNumber;
    this.draw();
  }

  /** Sort by a column; a third time brings the first order back. */
  toggle(column) {
    const first = !!column.isNumber;
    if (this.sort !== column) [this.sort, this.isDescending] = [column, first];
    else if (this.isDescending === first) this.isDescending = !first;
    else this.sort = null;
    this.draw();
  }

  filter(needle) {
    this.needle = needle.trim().toLowerCase();
    this.draw();
    return this.shown.length;
  }

  draw() {
    const { sort, needle } = this;
    let rows = this.rows.filter((row) => this.keeps(row));
    if (needle) rows = rows.filter((row) => this.text(row).toLowerCase().includes(needle));
    if (sort) {
      const sign = this.isDescending ? -1 : 1;
      const order = (a, b) => {
        const [one, other] = [sort.value(a), sort.value(b)];
        // Missing values come last in both directions.
        if (one === null || other === null) return (one === null) - (other === null);
        return sign * (typeof one === "string" ? one.localeCompare(other) : one - other);
      };
      rows = [...rows].sort(order);
    }
    this.shown = rows;
    for (const [at, column] of this.columns.entries()) {
      const head = this.heads[at];
      if (column === sort) head.setAttribute("aria-sort", this.isDescending ? "descending" : "ascending");
      else head.removeAttribute("aria-sort");
    }
    const isPlain = !!(sort || needle);
    this.body.replaceChildren(...rows.map((row) => {
      const made = element("tr", {}, this.columns.map((column, at) => element(at ? "td" : "th", {
        class: [column.isNumber ? "number" : "", column.class || ""].join(" ").trim() || null, scope: at ? null : "row",
      }, column.cell(row, isPlain))));
      this.decorate(made, row);
      return made;
    }));
  }
}

/** Return a search field that filters a table, with the number of rows that are left. */
function filterField(table, noun) {
  const output = element("output", { class: "dim" });
  const input = element("input", { type: "search", placeholder: `Filter ${noun}`, "aria-label": `Filter ${noun}`,
    autocomplete: "off", spellcheck: "false",
    oninput: () => {
      const left = table.filter(input.value);
      output.textContent = input.value ? `${countText(left)} of ${countText(table.rows.length)}` : "";
    } });
  return element("label", {}, input, output);
}

/** Return a bar with the share that it shows. */
function meter(share) {
  const bar = element("span");
  bar.style.width = `${Math.min(100, Math.max(share > 0 ? 2 : 0, share * 100))}%`;
  return element("span", { class: "meter", "aria-hidden": "true" }, bar);
}

/** Return the cell of a share: a bar and the number. */
function shareCell(share) {
  return share > 0 ? [meter(share), percentText(share)] : "";
}
