// Coordinates of the boxes of each row across the flow of the data, as in rendering/graph/fitting.py.

const GAP = 22;
const LANE = 14;
const HEAVY = 100;
const TRUNK = 2;
const LIGHT = 1;
const SWEEPS = 8;
const SNAP = 16;

/** Return the anchor of each box, and for each row a map with the coordinate of each dummy vertex in it. */
function fitRows(body, children) {
  const count = children.length;
  // A port is before the first and after the last row; as a vertex it has the number `count`.
  const rows = [[count], ...body.rows, [count]];
  const places = rows.map((row) => new Map(row.map((vertex, place) => [vertex, place])));
  const [before, after] = linksOf(body, places, count);
  const spaces = rows.map((row) => spacesOf(row, children, count));
  const at = spaces.map(packed);
  if (rows.some((row) => row.length > 1)) {
    const order = rows.slice(1, -1).map((_, row) => row + 1);
    const reversed = [...order].reverse();
    for (let sweep = 0; sweep < SWEEPS; sweep++) {
      const both = sweep >= SWEEPS / 2;
      const isDown = sweep % 2 === 0;
      for (const row of isDown ? order : reversed) {
        const found = rows[row].map((_, place) => [
          ...(both || isDown ? before[row][place] : []), ...(both || !isDown ? after[row][place] : [])]);
        fitRow(row, found, at, spaces[row]);
      }
    }
    for (const row of order) snapRow(row, rows[row], before[row], at, spaces[row]);
    for (const row of reversed) snapRow(row, rows[row], after[row], at, spaces[row]);
    const chains = chainsOf(rows, before, after);
    for (let pass = 0; pass < 2; pass++) straighten(rows, chains, at, spaces);
  }
  const boxes = Array(count).fill(0);
  const dummies = body.rows.map(() => new Map());
  for (const [number, row] of body.rows.entries()) for (const [place, vertex] of row.entries()) {
    if (vertex >= 0) boxes[vertex] = at[number + 1][place];
    else dummies[number].set(vertex, at[number + 1][place]);
  }
  return { boxes, dummies };
}

/** Return, for each vertex of each row, the links to the row before and to the row after, with weights. */
function linksOf(body, places, count) {
  const rowOf = new Map();
  for (const [row, found] of places.entries())
    for (const vertex of found.keys()) if (vertex >= 0 && vertex < count) rowOf.set(vertex, row);
  const none = () => places.map((found) => Array.from(found, () => []));
  const [before, after] = [none(), none()];
  const seen = new Set();
  for (const { source, target } of body.lines) {
    const first = source === OUTSIDE ? 0 : rowOf.get(source);
    const last = target === OUTSIDE ? places.length - 1 : rowOf.get(target);
    const dummy = -1 - (source === OUTSIDE ? count : source);
    let vertex = source === OUTSIDE ? count : source;
    for (let row = first + 1; row <= last; row++) {
      let following = dummy;
      if (row === last) following = target === OUTSIDE ? count : target;
      else if (!places[row].has(dummy)) break;
      const key = `${row} ${vertex} ${following}`;
      if (!seen.has(key)) {
        seen.add(key);
        const weight = vertex >= 0 && following >= 0 ? HEAVY : vertex < 0 && following < 0 ? TRUNK : LIGHT;
        const above = places[row - 1].get(vertex);
        const below = places[row].get(following);
        before[row][below].push([row - 1, above, weight]);
        after[row - 1][above].push([row, below, weight]);
      }
      vertex = following;
    }
  }
  return [before, after];
}

/** Return the least distances between the neighbours of a row. */
function spacesOf(row, children, count) {
  const isBox = (vertex) => vertex >= 0 && vertex < count;
  return row.slice(1).map((right, place) => {
    const left = row[place];
    let space = isBox(left) && isBox(right) ? GAP : LANE;
    if (isBox(left)) space += children[left].after;
    if (isBox(right)) space += children[right].before;
    return space;
  });
}

/** Return coordinates with the least distances, centred at 0. */
function packed(spaces) {
  const at = [0];
  for (const space of spaces) at.push(at.at(-1) + space);
  return at.map((each) => each - at.at(-1) / 2);
}

/** Move the vertices of a row as near as possible to the means of their neighbours. */
function fitRow(row, links, at, spaces) {
  // Blocks of vertices at their least distances: weight, weighted sum, and first vertex.
  const blocks = [];
  let shift = 0;
  for (const [place, found] of links.entries()) {
    let total = 0;
    let sum = 0;
    for (const [other, where, weight] of found) {
      total += weight;
      sum += at[other][where] * weight;
    }
    const [want, weight] = total > 0 ? [sum / total, total] : [at[row][place], 1e-6];
    if (place) shift += spaces[place - 1];
    blocks.push([weight, weight * (want - shift), place]);
    while (blocks.length > 1 && blocks.at(-2)[1] / blocks.at(-2)[0] >= blocks.at(-1)[1] / blocks.at(-1)[0]) {
      const [weights, weighted] = blocks.pop();
      blocks.at(-1)[0] += weights;
      blocks.at(-1)[1] += weighted;
    }
  }
  shift = 0;
  let block = -1;
  for (let place = 0; place < links.length; place++) {
    if (place) shift += spaces[place - 1];
    if (blocks[block + 1]?.[2] === place) block++;
    at[row][place] = blocks[block][1] / blocks[block][0] + shift;
  }
}

/** Make edges that bend by very little straight. */
function snapRow(row, vertices, links, at, spaces) {
  for (const [place, found] of links.entries()) {
    let best = null;
    const distance = ([other, where]) => Math.abs(at[other][where] - at[row][place]);
    for (const link of found) if (link[2] > 1 && (!best || distance(link) < distance(best))) best = link;
    if (best && distance(best) < SNAP) moveVertex(place, at[best[0]][best[1]], vertices, at[row], spaces);
  }
}

/** Move a vertex if there is room, or if only dummy vertices have to make room. */
function moveVertex(place, wanted, vertices, at, spaces) {
  const moved = new Map([[place, wanted]]);
  for (const step of [-1, 1]) {
    for (let here = place; here + step >= 0 && here + step < at.length; here += step) {
      const space = spaces[step > 0 ? here : here - 1];
      if ((at[here + step] - moved.get(here)) * step >= space - 1e-6) break;
      if (vertices[here + step] >= 0) return;
      moved.set(here + step, moved.get(here) + step * space);
    }
  }
  for (const [here, across] of moved) at[here] = across;
}

/** Return the room of a vertex between its neighbours; dummy vertices make room for a box. */
function roomOf(place, vertices, at, spaces) {
  const isStop = (here) => vertices[place] < 0 || vertices[here] >= 0;
  let [low, high] = [-Infinity, Infinity];
  let space = 0;
  for (let here = place - 1; here >= 0; here--) {
    space += spaces[here];
    if (isStop(here)) { low = at[here] + space; break; }
  }
  space = 0;
  for (let here = place + 1; here < at.length; here++) {
    space += spaces[here - 1];
    if (isStop(here)) { high = at[here] - space; break; }
  }
  // Rounding may leave no room at all.
  return [Math.min(low, at[place]), Math.max(high, at[place])];
}

/** Give the vertices of each chain one coordinate, as far as there is room. */
function straighten(rows, chains, at, spaces) {
  const room = ([row, place]) =>
    row === 0 || row === rows.length - 1 ? [0, 0] : roomOf(place, rows[row], at[row], spaces[row]);
  for (const chain of chains) for (let start = 0, end; start < chain.length; start = end) {
    let [low, high] = room(chain[start]);
    for (end = start + 1; end < chain.length; end++) {
      const [least, most] = room(chain[end]);
      if (Math.max(low, least) > Math.min(high, most)) break;
      [low, high] = [Math.max(low, least), Math.min(high, most)];
    }
    const run = chain.slice(start, end);
    const middle = run.map(([row, where]) => at[row][where]).sort((a, b) => a - b)[Math.floor(run.length / 2)];
    const wanted = Math.min(Math.max(middle, low), high);
    for (const [row, where] of run) moveVertex(where, wanted, rows[row], at[row], spaces[row]);
  }
}

/** Return the rows and places of the vertices on lines without joins. Where an edge branches, the line goes on to
 * the only box in the next row, or to the only dummy vertex of a dummy vertex. */
function chainsOf(rows, before, after) {
  const chains = [];
  const chainOf = new Map();
  for (let row = 0; row < rows.length; row++) for (let place = 0; place < rows[row].length; place++) {
    let chain;
    if (before[row][place].length === 1) {
      const [other, where, weight] = before[row][place][0];
      const onward = after[other][where];
      const equal = onward.filter((link) => link[2] === weight);
      if (onward.length === 1 || (equal.length === 1 && weight > LIGHT)) chain = chainOf.get(`${other} ${where}`);
    }
    if (!chain) chains.push(chain = []);
    chain.push([row, place]);
    chainOf.set(`${row} ${place}`, chain);
  }
  return chains.filter((chain) => chain.length > 1);
}
