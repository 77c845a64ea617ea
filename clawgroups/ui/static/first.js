// Runs before anything is painted, so that the page does not flash in the other theme.
(() => {
  const system = matchMedia("(prefers-color-scheme: light)");
  const apply = () => {
    const kept = localStorage.getItem("claw-theme");
    document.documentElement.dataset.theme = kept || (system.matches ? "light" : "dark");
  };
  apply();
  system.addEventListener("change", apply);
  addEventListener("storage", apply);
})();
