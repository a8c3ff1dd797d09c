// Way of a value through the picture: the edges by which the selected box gets its operands, up to the boxes
// that made them, and by which its readers get its output, through the borders of all boxes in between.

/**
 * Return, for each body with edges on the way, the numbers of its routes; stubs follow the lines.
 *
 * @param box The selected box.
 * @param layoutOf Function from a box that is drawn to its layout.
 */
function wayOf(box, layoutOf) {
  const found = new Map();
  const seen = new Set();
  const mark = (frame, at) => {
    if (!found.has(frame.key)) found.set(frame.key, new Set());
    found.get(frame.key).add(at);
  };
  const follow = (from, isUp) => {
    const frame = from.frame;
    if (!frame || seen.has(`${isUp}${from.key}`)) return;
    seen.add(`${isUp}${from.key}`);
    const here = indexIn(from);
    pass(frame, (route) => (isUp ? route.target : route.source) === here, isUp);
  };
  // Mark the edges of a body that match, and go on where they come from.
  const pass = (frame, matches, isUp) => {
    const layout = layoutOf(frame);
    for (const [at, route] of [...layout.routes, ...layout.stubs].entries()) {
      if (!matches(route)) continue;
      mark(frame, at);
      const end = isUp ? route.source : route.target;
      if (end === OUTSIDE) follow(frame, isUp);
      else enter(frame.contents[end], isUp);
    }
  };
  const enter = (into, isUp) => {
    if (!into.isOpen || seen.has(`in${isUp}${into.key}`)) return;
    seen.add(`in${isUp}${into.key}`);
    pass(into, (route) => (isUp ? route.target : route.source) === OUTSIDE, isUp);
  };
  follow(box, true);
  follow(box, false);
  return found;
}

/** Return the number of a box in what is drawn in the box around it. */
function indexIn(box) {
  return box.occurrence ?? box.item.index;
}
