// Elements, and numbers for people in the same words as on the command line.

/** Return an element with attributes and children; texts are never read as HTML. */
function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "class") made.className = value;
    else if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.flat(Infinity).filter((each) => each !== null && each !== undefined && each !== ""));
  return made;
}

/** Return the element with an id. */
function byId(id) {
  return document.getElementById(id);
}

const SVG = "http://www.w3.org/2000/svg";

/** Return an SVG element with attributes and children. */
function shape(tag, attributes = {}, ...children) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined) made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}

/** Format a measured value with four digits; a missing one as a dash. */
function decimal(value) {
  if (value === null || value === undefined) return "–";
  if (typeof value === "string") return value;
  if (value === 0) return "0";
  const magnitude = Math.abs(value);
  if (magnitude >= 1e5 || magnitude < 1e-4) return value.toExponential(2).replace("e+", "e");
  return String(Number(value.toPrecision(4)));
}

function plural(number, noun, nouns) {
  return `${countText(number)} ${number === 1 ? noun : nouns || noun + "s"}`;
}

/** Return the number of an amount, which has a text too if the trace has symbols. */
function amountOf(value) {
  return Array.isArray(value) ? value[0] : value;
}

/** Format an amount, with the formatter for plain numbers. */
function amountText(value, format) {
  return Array.isArray(value) ? value[1] : format(value);
}

/** Return rows of values as objects with the names of the columns. */
function rowsOf(table) {
  return table.rows.map((row) => Object.fromEntries(table.columns.map((name, i) => [name, row[i]])));
}

/** Announce a text to screen readers. */
function announce(text) {
  byId("live").textContent = text;
}
