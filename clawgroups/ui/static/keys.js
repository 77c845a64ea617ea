// Keyboard shortcuts, handled in the browser. Never while somebody types, never with a modifier.
import { showKeys } from "/claw/ask.js";

const known = new Map(); // key -> those who want it; the last one has it
const WALKS = /^[jk]$/i; // what may be held
const combined = []; // what is pressed together with Ctrl or Cmd; heard elsewhere, told here

/** Whether what is typed there is for a field (or an editor), and no shortcut. */
export function typing(target) {
  return target.isContentEditable || ["INPUT", "TEXTAREA", "SELECT"].includes(target.tagName);
}

/** A terminal: every key in it is the shell's, Escape too. */
export const inShell = (target) => Boolean(target.closest?.(".term-screen"));

export const dialogOpen = () => document.querySelector("dialog[open], .q-dialog");

function hear(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || event.defaultPrevented) return;
  if (!(event.target instanceof Element) || inShell(event.target) || dialogOpen()) return;
  if (event.key !== "Escape" && typing(event.target)) return;
  const found = known.get(event.key.length === 1 ? event.key.toLowerCase() : event.key)?.at(-1);
  if (!found) return;
  if (event.repeat && !WALKS.test(event.key)) return; // a key that is held means one thing, once
  if (event.key === "Escape" && typing(event.target)) event.target.blur();
  else found.act(event);
  if (event.key !== "Escape") event.preventDefault();
}

addEventListener("keydown", hear);

/** Shows all shortcuts of this page. */
export function help() {
  showKeys([...combined, ...[...known].map(([key, wanted]) => [key, wanted.at(-1).words])]);
}

/** Adds a shortcut; returns the way to remove it. `spare`: only where nobody else wants the key. */
export function onKey(key, words, act, { spare = false } = {}) {
  const one = { words, act };
  const wanted = known.get(key) ?? [];
  known.set(key, spare ? [one, ...wanted] : [...wanted, one]);
  return () => {
    const left = known.get(key).filter((other) => other !== one);
    if (left.length) known.set(key, left);
    else known.delete(key);
  };
}

/** Tells of one that is heard elsewhere, such as "Ctrl K". */
export function tellKey(key, words) {
  if (!combined.some(([told]) => told === key)) combined.push([key, words]);
}

onKey("?", "This help", help);
