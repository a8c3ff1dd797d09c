// Start of the page.

const DATA = JSON.parse(byId("data").textContent);

startTheme();
startHeader();
