// What was chosen lately in this browser, newest first.
const NAME = "claw-recent";
const MOST = 8;

export function recent() {
  try {
    const found = JSON.parse(localStorage.getItem(NAME) ?? "[]");
    return Array.isArray(found) ? found.filter((one) => typeof one?.key === "string" && typeof one.label === "string") : [];
  } catch {
    return []; // not ours; it is written anew with the next choice
  }
}

/** Keeps a choice. What has an address can be chosen again from any page. */
export function keepRecent({ key, section, label, hint, href }) {
  if (key === "search" || key === "sign-out") return;
  const ours = href?.startsWith("/") ? { href } : {};
  const rest = recent().filter((one) => one.key !== key);
  localStorage.setItem(NAME, JSON.stringify([{ key, section, label, hint, ...ours }, ...rest].slice(0, MOST)));
}
