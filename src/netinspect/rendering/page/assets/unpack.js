// The data of the page, packed as packing.py describes.

/** Return the data of a page: templates as objects with the keys of the picture, and references as texts. */
function unpack(data) {
  const { texts } = data;
  const filled = (value) => {
    if (typeof value === "string") return value[0] !== "@" ? value : value[1] === "@" ? value.slice(1) : texts[Number(value.slice(1))];
    if (Array.isArray(value)) return value.map(filled);
    if (value === null || typeof value !== "object") return value;
    return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, filled(each)]));
  };
  // The keys of a row are in the order of its values; a missing value is 0.
  const named = (row, keys) => Object.fromEntries(row.map((value, at) => [keys[at], value]).filter(([, value]) => value !== 0));
  const found = { ...filled({ ...data, texts: null }), texts };
  const { picture } = found;
  if (picture) picture.templates = picture.templates.map((row) => {
    const template = named(row, picture.keys);
    return template.cost ? { ...template, cost: named(template.cost, picture.cost_keys) } : template;
  });
  return found;
}
