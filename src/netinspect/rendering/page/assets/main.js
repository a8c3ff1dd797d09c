// Start of the page.

const DATA = JSON.parse(byId("data").textContent);

startTheme();
startHeader();
startKeys();
const state = DATA.picture ? startState(DATA) : null;
const graph = state && startGraph(state);
