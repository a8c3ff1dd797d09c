// Texts in boxes and their estimated widths, as in rendering/graph/contents.py and text_width.py, so that a
// box has the same size in the page as in a drawing.

const FONT = 12;
const SMALL = 10.5;
const NUMBER_WIDTH = 56;
const MOST_NAME = 220;
const MOST_FACTS = 215;
const MOST_ROWS = 9;

const WIDTHS = new Map();
for (const [characters, width] of [
  ["ijlI.,:;'|!` \u00b7", 0.34], ["()[]{}frt-/\\\"", 0.42], ["mwMW@%\u00d7=+\u2192<>~\u2026\u2014\u2212", 0.98]])
  for (const character of characters) WIDTHS.set(character, width);

function textWidth(text, size = FONT, isBold = false) {
  let width = 0;
  for (const character of text) {
    const known = WIDTHS.get(character);
    if (known) width += known;
    else if (/[a-z0-9]/.test(character)) width += 0.64;
    else if (/[A-Z]/.test(character)) width += 0.74;
    else width += character.codePointAt(0) >= 0x2e80 ? 1.05 : 0.84;
  }
  return width * size * (isBold ? 1.1 : 1);
}

/** Shorten a text to a width, with an ellipsis at its end. */
function cutText(text, width, size = FONT) {
  if (textWidth(text, size) <= width) return text;
  const characters = [...text];
  let [low, high] = [0, characters.length];
  while (low < high) {
    const middle = Math.floor((low + high + 1) / 2);
    if (textWidth(`${characters.slice(0, middle).join("")}\u2026`, size) <= width) low = middle;
    else high = middle - 1;
  }
  return `${characters.slice(0, low).join("").replace(/[ ,\u00b7]+$/, "")}\u2026`;
}

/** Return a line of spans, each a text and its role; the number at its end is drawn if it is not 0. */
function textLine(spans, size = FONT, amount = 0) {
  let width = 6 * Math.max(0, spans.length - 1) + (amount > 0 ? NUMBER_WIDTH : 0);
  for (const [text, role] of spans) width += textWidth(text, size, role === "name" || role === "wrong");
  return { spans, size, amount, width, height: size === FONT ? 16 : 14 };
}

/** Return the name of one module of an item, or of all: `blocks[0..11]`; of a group those of its modules. */
function nameOf(template, item, shown) {
  const at = shown || 0;
  const last = (list) => (shown === null ? list.at(-1) : list[at]);
  if (item.innerNames.length) {
    const ends = last(item.innerNames);
    return [...new Set(item.innerNames[at].map((name, index) => runName(name, ends[index])))].join(", ");
  }
  const name = runName(item.names[at], last(item.names));
  const isRepeated = item.names[at] === last(item.names) && template.parameters && item.calls[at] > 1;
  return isRepeated ? `${name} (call ${item.calls[at]})` : name;
}

/** Return the name of all modules of a run, by those of its first and last one. */
function runName(one, other) {
  const first = one.replace(/^\.+/, "");
  const last = other.replace(/^\.+/, "");
  if (first === last) return first;
  const split = (name) => /^(?:(.*)\.)?(.*)$/s.exec(name);
  const [, before = "", start] = split(first);
  const [, same = "", end] = split(last);
  if (before === same && /^\d+$/.test(start) && /^\d+$/.test(end))
    return before ? `${before}[${start}..${end}]` : `${start}..${end}`;
  return `${first} \u2026 ${last}`;
}

/** Return the shapes of an edge, at most two. */
function edgeText(shapes) {
  const more = shapes.length - 2;
  return shapes.slice(0, 2).map(shapeText).join(", ") + (more > 0 ? `, ${more} more` : "");
}

/**
 * Return the lines of text of a box.
 *
 * @param shown Which of the boxes of the item it is; null for all together.
 * @param failure Lines on the failure, for the call that raised.
 */
function boxLines(template, item, shown, isOpen, heat, failure) {
  const amount = amountOfItem(template, shown === null ? item : null, heat);
  const { kind, label } = template;
  const classSpan = [cutText(label, MOST_NAME), "class"];
  let lines;
  if (kind === "input" || kind === "output") {
    const shapes = template.output.slice(0, 1).map((operand) => [shapeText(operand.shape), "shape"]);
    lines = [textLine([[classSpan[0], "name"], ...shapes])];
  } else if (kind === "chain" && !isOpen) {
    lines = chainLines(template, item, shown, heat);
  } else if (kind === "module") {
    const name = item ? nameOf(template, item, shown) : "";
    const spans = [...(name ? [[cutText(name, MOST_NAME), "name"]] : []), classSpan];
    if (item?.count > 1) spans.push(countSpan(item, shown));
    lines = [textLine(spans, FONT, amount)];
    const facts = isOpen ? "" : cutText(template.shown_facts, MOST_FACTS, SMALL);
    if (facts) lines.push(textLine([[facts, "facts"]], SMALL));
  } else {
    const isStack = kind === "group" && item?.count > 1;
    const spans = isStack ? [[cutText(nameOf(template, item, shown), MOST_NAME), "name"], classSpan, countSpan(item, shown)] : [classSpan];
    lines = [textLine(spans, FONT, amount)];
  }
  if (!template.called) lines.push(textLine([["never called", "facts"]], SMALL));
  return [...lines, ...failure.map((spans) => ({ ...textLine(spans, SMALL), isFailure: true }))];
}

function countSpan(item, shown) {
  return [shown === null ? `\u00d7${item.count}` : `${shown + 1} of ${item.count}`, "count"];
}

function chainLines(template, chain, shown, heat) {
  const rows = itemsIn(template, chain, shown ?? 0).map((item) => {
    const inside = item.template;
    const spans = [[cutText(inside.label, MOST_NAME), "class"]];
    if (inside.kind === "module") spans.unshift([cutText(nameOf(inside, item, null), MOST_NAME), "name"]);
    if (item.count > 1) spans.push([`\u00d7${item.count}`, "count"]);
    return textLine(spans, FONT, amountOfItem(inside, item, heat));
  });
  if (rows.length <= MOST_ROWS) return rows;
  const more = textLine([[`\u2026 ${countText(rows.length - MOST_ROWS + 1)} more`, "facts"]]);
  return [...rows.slice(0, MOST_ROWS - 2), more, rows.at(-1)];
}
