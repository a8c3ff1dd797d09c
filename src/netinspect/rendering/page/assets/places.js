// Places of modules and source lines in the picture: from a path or a line to the boxes.

/** Return the path of a box of a body, whose modules continue the path around them. */
function pathOf(template, name, around) {
  if (template.kind !== "module") return around;
  if (name[0] !== ".") return name;
  return around ? around + name : name.slice(1);
}

/**
 * Return the items of the body of one box of an item, with the names that they have there: those of a group
 * replace the names in its template. The items of the same box are the same objects.
 */
function itemsIn(template, item, at = 0) {
  if (!item?.innerNames.length) return template.items;
  item.bodies ??= [];
  item.bodies[at] ??= renamedItems(template, item.innerNames[at], item.innerCalls[at] || []);
  return item.bodies[at];
}

function renamedItems(template, names, calls) {
  let start = 0;
  return template.items.map((each) => {
    const inside = each.template;
    const isModule = inside.kind === "module";
    const count = isModule ? each.count : inside.items.reduce((sum, { template: { kind }, count }) =>
      sum + (kind === "module" ? count : 0), 0);
    if (count === 0) return each;
    const own = [names.slice(start, start + count), calls.slice(start, start + count)];
    start += count;
    const id = `${each.id}:${own.join(":")}`;
    return isModule ? { ...each, id, names: own[0], calls: own[1] }
      : { ...each, id, innerNames: [own[0]], innerCalls: [own[1]] };
  });
}

/** Return the place of the first call of a module; null if it is not in the picture. */
function placeOfPath(picture, path) {
  const find = (items, around, place) => {
    for (const item of items) {
      for (const [at, name] of item.names.entries()) {
        const inside = item.template;
        const own = pathOf(inside, name, around);
        const here = joinKey(place, item.number + at);
        const isModule = inside.kind === "module";
        if (isModule && own === path) return here;
        if (inside.items.length === 0 || (isModule && !path.startsWith(`${own}.`))) continue;
        const found = find(itemsIn(inside, item, at), own, here);
        if (found !== null) return found;
      }
    }
    return null;
  };
  return path === "" ? "" : find(picture.root.items, "", "");
}

/** Return a function that finds the places whose call is made by a line: the outermost boxes, up to a number. */
function lineIndex(picture) {
  const known = new Map();
  /** Return the keys of the lines in a template, of its whole inside. */
  const linesIn = (template) => {
    let lines = known.get(template);
    if (!lines) {
      lines = new Set(template.items.flatMap((item) => [...linesIn(item.template)]));
      if (template.site) lines.add(lineKey(template.site.file, template.site.line));
      known.set(template, lines);
    }
    return lines;
  };
  return (file, line, most = 200) => {
    const key = lineKey(file, line);
    const found = [];
    let count = 0;
    const walk = (items, around, place) => {
      for (const item of items) {
        const inside = item.template;
        if (!linesIn(inside).has(key)) continue;
        const isCall = inside.kind === "module" || inside.kind === "function";
        for (const [at, name] of item.names.entries()) {
          const own = pathOf(inside, name, around);
          const here = joinKey(place, item.number + at);
          if (isCall && inside.site && lineKey(inside.site.file, inside.site.line) === key) {
            count++;
            if (found.length < most) found.push({ place: here, path: own, template: inside });
          } else if (found.length < most) walk(itemsIn(inside, item, at), own, here);
        }
      }
    };
    walk(picture.root.items, "", "");
    return { found, isMore: count > found.length };
  };
}

function lineKey(file, line) {
  return `${file}:${line}`;
}

/** Return a name for a box in lists: its path, or the function with the module around it. */
function boxTitle(template, path) {
  if (template.kind === "module") return path || template.label;
  return path ? `${template.label} in ${path}` : template.label;
}
