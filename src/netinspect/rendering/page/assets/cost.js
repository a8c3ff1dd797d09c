// Cost: by kind of operator as bars, and by operator as a table.

function buildCost(panel) {
  const data = DATA.cost;
  if (!data) return fillPane(panel, "cost", notesOf("cost").length ? "" : element("p", { class: "empty" }, "There are no costs."));
  const rows = rowsOf(data);
  const names = data.columns.slice(3);
  const total = Object.fromEntries(names.map((name, at) => [name, data.total[at]]));
  const moved = (row) => amountOf(row.bytes_read) + amountOf(row.bytes_written);
  const bars = (title, noun, valueOf, format) => {
    const sums = new Map();
    for (const row of rows) sums.set(row.kind, (sums.get(row.kind) || 0) + valueOf(row));
    const all = [...sums.values()].reduce((a, b) => a + b, 0);
    const shown = [...sums].filter(([, value]) => value > 0).sort((a, b) => b[1] - a[1]);
    if (!shown.length) return "";
    return [element("h3", {}, title), element("dl", { class: "kinds" }, shown.map(([kind, value]) => [
      element("dt", {}, kind.replaceAll("_", " ")), element("dd", {}, meter(value / all)),
      element("dd", { class: "number" }, format(value)), element("dd", { class: "number dim" }, percentText(value / all))]))];
  };
  const number = (key, title, format, hint) => ({ title, isNumber: true, hint, value: (row) => amountOf(row[key]),
    cell: (row) => (amountOf(row[key]) ? amountText(row[key], format) : "–") });
  const macs = number("macs", "MACs", shortText);
  const table = new SortedTable({
    label: "Operators", rows, text: (row) => `${row.operator} ${row.kind}`, sort: macs,
    columns: [
      { title: "operator", value: (row) => row.operator, cell: (row) => element("span", { class: "mono" }, row.operator) },
      { title: "kind", value: (row) => row.kind, cell: (row) => row.kind.replaceAll("_", " ") },
      { title: "calls", isNumber: true, value: (row) => row.calls, cell: (row) => countText(row.calls) },
      macs,
      { title: "% MACs", class: "share", value: (row) => -amountOf(row.macs),
        cell: (row) => (amountOf(total.macs) ? shareCell(amountOf(row.macs) / amountOf(total.macs)) : "") },
      number("flops", "FLOPs", shortText, "two for each MAC"),
      number("other_flops", "other FLOPs", shortText, "arithmetic of operators without MACs"),
      number("bytes_read", "read", sizeText), number("bytes_written", "written", sizeText),
    ],
  });
  const least = data.partly || data.uncounted.some(([, , isMacs]) => isMacs) ? "at least " : "";
  const uncounted = data.uncounted.map(([operator, calls]) => element("p", { class: "note bad" },
    `${operator}: ${plural(calls, "call")} could not be counted`));
  fillPane(panel, "cost",
    element("p", { class: "note" }, `${least}${amountText(total.macs, (each) => `${countText(each)} MACs`)}: one multiply-accumulate counts as `
      + "one MAC and two FLOPs; bytes are those of the inputs and outputs of all operators."),
    uncounted,
    bars("MACs by kind", "MACs", (row) => amountOf(row.macs), shortText),
    bars("Bytes read and written by kind", "bytes", moved, sizeText),
    element("h3", {}, "Operators"), table.element);
}
