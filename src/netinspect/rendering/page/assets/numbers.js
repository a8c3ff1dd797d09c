// Numbers and shapes for people, formatted as the other views of netinspect format them (_utils/units.py).

const BYTE_UNITS = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
const PREFIXES = ["", "k", "M", "G", "T", "P", "E"];

/** Format a count exactly, in groups of three: `44,426`. */
function countText(number) {
  return String(number).replace(/\B(?=(\d{3})+$)/g, ",");
}

/** Round half to even, as Python does; multiples of a half are exact in both. */
function roundHalfEven(number) {
  const whole = Math.floor(number);
  const rest = number - whole;
  return whole + (rest > 0.5 || (rest === 0.5 && whole % 2 === 1) ? 1 : 0);
}

/** Format a large count in powers of 1000, to four digits: `4.089 G`. */
function shortText(number) {
  if (number < 1000) return String(number);
  for (let power = 1; power < PREFIXES.length; power++) {
    for (let digits = 3; digits > 0; digits--) {
      const scaled = roundHalfEven((number * 10 ** digits) / 1000 ** power);
      if (scaled < 10000) return `${(scaled / 10 ** digits).toFixed(digits)} ${PREFIXES[power]}`;
    }
  }
  return `${roundHalfEven(number / 1000 ** (PREFIXES.length - 1))} ${PREFIXES.at(-1)}`;
}

/** Format bytes in powers of 1024: `173.5 KiB`. */
function sizeText(number) {
  if (number < 1024) return `${number} B`;
  let text = "";
  for (let power = 1; power <= BYTE_UNITS.length; power++) {
    const tenths = roundHalfEven((10 * number) / 1024 ** power);
    const whole = roundHalfEven(number / 1024 ** power);
    text = `${tenths < 10000 ? (tenths / 10).toFixed(1) : whole} ${BYTE_UNITS[power - 1]}`;
    if (whole < 1024) break;
  }
  return text;
}

/** Format a share between 0 and 1: `69.2 %`. */
function percentText(share) {
  return share > 0 && share < 0.0005 ? "<0.1 %" : `${(share * 100).toFixed(1)} %`;
}

/** Format a shape: `1x64x56x56`; a single number has no other name than its value. */
function shapeText(shape) {
  return shape.length ? shape.join("\u00d7") : "scalar";
}

/** Format the shapes of several tensors. */
function shapesText(operands, most = 3) {
  const shown = operands.slice(0, most).map((operand) => shapeText(operand.shape));
  return shown.join(", ") + (operands.length > most ? `, ${operands.length - most} more` : "");
}
