// Keyboard shortcuts, handled in the browser. Never while somebody types, never with a modifier.
import { showKeys } from "/claw/ask.js";

const known = new Map();

function typing(target) {
  return target.isContentEditable || ["INPUT", "TEXTAREA", "SELECT"].includes(target.tagName);
}

function hear(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || event.defaultPrevented) return;
  if (document.querySelector("dialog[open], .q-dialog")) return;
  if (event.key !== "Escape" && typing(event.target)) return;
  const found = known.get(event.key.length === 1 ? event.key.toLowerCase() : event.key);
  if (!found) return;
  if (event.key === "Escape" && typing(event.target)) event.target.blur();
  else found.act(event);
  if (event.key !== "Escape") event.preventDefault();
}

addEventListener("keydown", hear);
known.set("?", { words: "This help", act: () => showKeys([...known].map(([key, { words }]) => [key, words])) });

/** Adds a shortcut; returns the way to remove it. */
export function onKey(key, words, act) {
  known.set(key, { words, act });
  return () => known.delete(key);
}
