// Dark, light, or as the system has it (see theme.py for the part before the first paint).
const NAME = "claw-theme";
const light = matchMedia("(prefers-color-scheme: light)");

/** What is chosen in this browser: system, dark or light. */
export const themeChoice = () => localStorage.getItem(NAME) || "system";

export function setTheme(choice) {
  if (choice === "system") localStorage.removeItem(NAME);
  else localStorage.setItem(NAME, choice);
  document.documentElement.dataset.theme = choice === "system" ? (light.matches ? "light" : "dark") : choice;
}
