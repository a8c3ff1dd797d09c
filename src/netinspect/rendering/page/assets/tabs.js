// Header and tabs.

function startHeader() {
  const target = DATA.target === DATA.title ? "" : DATA.target;
  byId("target").textContent = target;
  for (const [label, text] of DATA.facts) byId("facts").append(
    element("div", {}, element("dt", {}, label), element("dd", {}, text)));
  byId("footer").append(`netinspect ${DATA.version}`);
}
