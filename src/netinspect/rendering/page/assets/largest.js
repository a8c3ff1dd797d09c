// Boxes that cost most, the largest first: the way from the whole model to the layers that matter.

const MOST_LARGEST = 20;

/**
 * Return the places of the boxes with the largest amounts, among those that have no boxes to open.
 *
 * Of a stack the first box is found: the others are identical.
 */
function largestPlaces(picture, heat) {
  const known = new Map();
  const largest = (template) => {
    if (!known.has(template)) {
      const found = template.items.flatMap((item) => {
        const number = String(item.number);
        const amount = amountOfTemplate(item.template, heat);
        if (!amount) return [];
        if (!opensByDefault(item.template)) return [{ amount, place: number }];
        return largest(item.template).map((each) => ({ amount: each.amount, place: `${number}/${each.place}` }));
      });
      known.set(template, found.sort((a, b) => b.amount - a.amount).slice(0, MOST_LARGEST));
    }
    return known.get(template);
  };
  return largest(picture.root).map(({ place }) => place);
}

/** Return a function that selects the largest box of the picture, and the next one each time it is called again. */
function largestFirst(state) {
  const places = new Map();
  return () => {
    if (!places.has(state.heat)) places.set(state.heat, largestPlaces(state.picture, state.heat));
    const found = places.get(state.heat);
    if (!found.length) return false;
    state.select(found[(found.indexOf(state.selection.place) + 1) % found.length]);
    return true;
  };
}
