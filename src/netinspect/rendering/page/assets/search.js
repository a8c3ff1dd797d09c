// Search over the templates: names, classes, module paths and output shapes, in the order of the calls.

const MOST_FOUND = 5000;

/** Return the places of all boxes that a query matches; a stack is one box, unless the query is a path in it. */
function searchBoxes(picture, query) {
  const wanted = query.trim().toLowerCase().replace(/(\d)\s*[x*]\s*(?=\d)/g, "$1\u00d7");
  if (!wanted) return [];
  const inside = new Map();
  const isMatch = (item) => item.words?.includes(wanted) ?? (item.words = [
    ...new Set(item.names.map((name) => name.replace(/^\./, ""))), item.template.label, item.template.qualified_name,
    ...item.template.output.map((operand) => shapeText(operand.shape))].join("\n").toLowerCase()).includes(wanted);
  const hasMatch = (template) => {
    if (!inside.has(template)) {
      inside.set(template, false);
      inside.set(template, template.items.some((item) => isMatch(item) || hasMatch(item.template)));
    }
    return inside.get(template);
  };
  const found = [];
  const isPath = wanted.includes(".");
  const continued = (path, name) => (name[0] === "." ? (path ? path + name : name.slice(1)) : name);
  const leadsTo = (path) => `${path}.`.toLowerCase().includes(`${wanted}.`) || wanted.startsWith(`${path.toLowerCase()}.`);
  const walk = (items, place, path) => {
    for (const item of items) {
      const isModule = item.template.kind === "module";
      const paths = item.names.map((name) => (isModule ? continued(path, name) : path));
      // Of a path, the very box of a stack is found.
      const at = isPath && isModule ? paths.findIndex((each) => `${each}.`.toLowerCase().includes(`${wanted}.`)) : -1;
      const through = isPath && isModule ? paths.findIndex((each) => wanted.startsWith(`${each.toLowerCase()}.`)) : -1;
      const inItem = isMatch(item) ? Math.max(0, item.names.findIndex((name) => name.toLowerCase().includes(wanted))) : -1;
      // Of identical groups, the one with the module.
      const group = item.innerNames.findIndex((names) => names.some((name) =>
        name.toLowerCase().includes(wanted) || (isPath && leadsTo(continued(path, name)))));
      const number = item.number + Math.max(0, at >= 0 ? at : through >= 0 ? through : group >= 0 ? group : inItem);
      const key = joinKey(place, number);
      if (found.length >= MOST_FOUND) return;
      if (at >= 0 || inItem >= 0) found.push(key);
      if (through >= 0 || (isPath && at < 0 && isModule) || group >= 0 || hasMatch(item.template)) {
        const chosen = number - item.number;
        if (item.template.items.length) walk(itemsIn(item.template, item, chosen), key, paths[chosen]);
      }
    }
  };
  walk(picture.root.items, "", "");
  return found;
}

/** The field of the search, with the count of what was found, and the keys that go from one to the next. */
class Search {
  constructor(field, output, state) {
    Object.assign(this, { field, output, state, found: [], at: -1 });
    field.addEventListener("input", () => {
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.run(), 120);
    });
    field.addEventListener("keydown", (event) => {
      if (event.key === "Enter") { this.run(); this.go(event.shiftKey ? -1 : 1); }
      if (event.key === "Escape") {
        // After the first result was shown, Escape leaves the field only: n and N go on from the graph.
        // By itself, a browser would empty the field.
        event.preventDefault();
        if (this.at < 0) { field.value = ""; this.run(); }
        byId("graph").focus();
      }
    });
  }

  run() {
    const query = this.field.value;
    if (query === this.query) return;
    this.query = query;
    this.found = searchBoxes(this.state.picture, query);
    this.at = -1;
    this.showCount();
  }

  showCount() {
    const { found, at } = this;
    const count = found.length >= MOST_FOUND ? `${countText(MOST_FOUND)}+` : countText(found.length);
    this.output.textContent = !this.query?.trim() ? "" : at < 0 ? `${count} found` : `${countText(at + 1)} of ${count}`;
  }

  /** Go to the next or previous box that was found. */
  go(step) {
    const { length } = this.found;
    if (!length) return;
    this.at = this.at < 0 ? (step > 0 ? 0 : length - 1) : (this.at + step + length) % length;
    this.state.select(this.found[this.at]);
    this.showCount();
  }
}
