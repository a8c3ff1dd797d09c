// Theme: that of the system until the reader chooses one.

function startTheme() {
  const root = document.documentElement;
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (root.dataset.theme === "auto" ? dark.matches : root.dataset.theme === "dark");
  const button = byId("theme");
  const describe = () => { button.title = isDark() ? "Light theme" : "Dark theme"; };
  button.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    describe();
    announce(`${root.dataset.theme} theme`);
  });
  describe();
}
