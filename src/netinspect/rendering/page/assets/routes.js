// Ways of the edges of a body through its rows, as in rendering/graph/routes.py.

const SPREAD = 12;

/** Return the ways of all edges of a body: the coordinates across the flow at which they pass the rows. */
function waysOf(body, at, count) {
  const rowOf = new Map();
  for (const [row, vertices] of body.rows.entries()) for (const vertex of vertices) rowOf.set(vertex, row);
  const arrivals = new Map();
  const ways = body.lines.map((line, index) => {
    const { source, target } = line;
    const first = source === OUTSIDE ? -1 : rowOf.get(source);
    const last = target === OUTSIDE ? body.rows.length : rowOf.get(target);
    const dummy = -1 - (source === OUTSIDE ? count : source);
    const across = [source === OUTSIDE ? 0 : at.boxes[source]];
    for (let row = first + 1; row < last; row++) across.push(at.dummies[row].get(dummy) ?? across.at(-1));
    if (target === OUTSIDE) across.push(0);
    else {
      if (!arrivals.has(target)) arrivals.set(target, []);
      arrivals.get(target).push([across.at(-1), index]);
      across.push(at.boxes[target]);
    }
    return { line, first, across };
  });
  for (const [target, found] of arrivals)
    for (const [shift, index] of spread(found, at.boxes[target])) ways[index].across[ways[index].across.length - 1] += shift;
  return ways;
}

/** Return by how much the end of each edge into a box is off its anchor. */
function spread(arrivals, anchor) {
  if (arrivals.length === 1) return [];
  arrivals.sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  const left = arrivals.filter(([across]) => across < anchor - 0.5);
  const right = arrivals.filter(([across]) => across > anchor + 0.5);
  let half = left.length + right.length === arrivals.length ? 0.5 : 0;
  // All are on one side: the nearest one takes the anchor.
  if (!left.length || !right.length) half = half ? 1 : 0;
  return [
    ...left.map(([, index], place) => [-SPREAD * (left.length - place - half), index]),
    ...right.map(([, index], place) => [SPREAD * (place + 1 - half), index])];
}

/** Return the points of an edge, along and across the flow. */
function pointsOf(way, children, { starts, ends, start, portEnd, length, shift }) {
  const { source, target } = way.line;
  const last = way.first + way.across.length - 1;
  const points = way.across.flatMap((across, place) => {
    const row = way.first + place;
    const at = across + shift;
    if (row === way.first) return source === OUTSIDE
      ? [[start, at], [portEnd, at]]
      : [[children[source].start + children[source].length, at], [ends[row], at]];
    return row === last ? [[target === OUTSIDE ? length : starts[row], at]] : [[starts[row], at], [ends[row], at]];
  });
  const kept = [points[0]];
  for (const [place, point] of points.entries()) {
    if (!place) continue;
    const [before, following] = [kept.at(-1), points[place + 1]];
    // Points between two others on one line are left out.
    if (following && Math.abs(before[1] - point[1]) < 0.01 && Math.abs(point[1] - following[1]) < 0.01) continue;
    if (point[0] !== before[0] || point[1] !== before[1]) kept.push(point);
  }
  return kept;
}
