// Theme: that of the system until the reader chooses one.

function startTheme() {
  const root = document.documentElement;
  const dark = matchMedia("(prefers-color-scheme: dark)");
  byId("theme").addEventListener("click", () => {
    const isDark = root.dataset.theme === "auto" ? dark.matches : root.dataset.theme === "dark";
    root.dataset.theme = isDark ? "light" : "dark";
    announce(`${root.dataset.theme} theme`);
  });
}
