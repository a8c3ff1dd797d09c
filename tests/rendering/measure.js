// Measurements of every view on a page, for the tests only.
(() => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const parse = (color) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = color;
    canvas.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
    return [r, g, b, a / 255];
  };
  const over = ([r, g, b, a], below) => [r, g, b].map((each, i) => each * a + below[i] * (1 - a));
  const luminance = (rgb) => {
    const [r, g, b] = rgb.map((each) => {
      const c = each / 255;
      return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const background = (element) => {
    const layers = [];
    for (let each = element; each; each = each.parentElement)
      layers.push(parse(getComputedStyle(each).backgroundColor));
    // Behind everything is the page itself, which is dark if the root's colour scheme is.
    const root = getComputedStyle(document.documentElement).colorScheme.includes("dark");
    const dark = root && matchMedia("(prefers-color-scheme: dark)").matches;
    return layers.reverse().reduce((below, layer) => over(layer, below), dark ? [18, 18, 18] : [255, 255, 255]);
  };
  const contrast = (element) => {
    const below = background(element);
    const text = over(parse(getComputedStyle(element).color), below);
    const [low, high] = [luminance(text), luminance(below)].sort((a, b) => a - b);
    return (high + 0.05) / (low + 0.05);
  };
  const shown = (element) => element.getClientRects().length > 0;
  const content = (element) => {
    const range = document.createRange();
    range.selectNodeContents(element);
    return range.getBoundingClientRect();
  };
  return [...document.querySelectorAll(".netinspect")].map((view) => {
    const walker = document.createTreeWalker(view, NodeFilter.SHOW_TEXT);
    const texts = [];
    while (walker.nextNode())
      if (walker.currentNode.data.trim() && shown(walker.currentNode.parentElement))
        texts.push(walker.currentNode.parentElement);
    const box = view.getBoundingClientRect();
    return {
      width: box.width,
      height: box.height,
      line: parseFloat(getComputedStyle(view).lineHeight),
      contrast: Math.min(...texts.map(contrast)),
      colors: new Set(texts.map((each) => getComputedStyle(each).color)).size,
      notes: [...view.querySelectorAll(":scope > p")].map((each) => each.scrollWidth - each.clientWidth),
      scrolled: [...view.querySelectorAll(".ni-scroll, pre")].map((each) => ({
        width: each.clientWidth,
        right: each.getBoundingClientRect().right,
        inside: each.scrollWidth,
        height: each.clientHeight,
        below: each.scrollHeight,
        lines: each.tagName === "PRE" ? each.textContent.split("\n").length : 0,
      })),
      rows: [...view.querySelectorAll("tr")].filter(shown).map((row) => ({
        name: row.cells[0].innerText.trim(),
        height: row.getBoundingClientRect().height,
        cells: [...row.cells].map((cell) => {
          const [outer, inner] = [cell.getBoundingClientRect(), content(cell)];
          return {
            left: outer.left,
            right: outer.right,
            from: inner.left,
            to: inner.right,
            align: getComputedStyle(cell).textAlign,
          };
        }),
      })),
    };
  });
})()
