// Print: the whole graph with the boxes that are open, in place of the part in the window.

function startPrint(graph) {
  addEventListener("beforeprint", () => {
    const { width, height } = graph.root;
    const view = { left: 0, top: 0, right: width, bottom: height };
    const origin = graph.origin;
    graph.origin = { x: 0, y: 0 };
    const entries = graph.detailed(visibleBoxes(graph.state.root, graph.layouts, view, 1), new Map());
    graph.origin = origin;
    const parts = entries.map(({ x, y, make }) => {
      const part = make();
      part.setAttribute("transform", `translate(${x} ${y})`);
      return part;
    });
    byId("figure").replaceChildren(shape("svg", { class: "graph", viewBox: `-4 -4 ${width + 8} ${height + 8}`, width, height,
      role: "img", "aria-label": `Graph of ${DATA.title}` }, definitions(), ...parts));
  });
}
