// Messages in the corner: what happened, how to mend it. Text only, never HTML.
import { plain } from "/claw/words.js";

const STAYS_MS = { info: 6000, ok: 4000, bad: 15000 };

function region() {
  let found = document.getElementById("claw-says");
  if (!found) {
    found = document.createElement("div");
    found.id = "claw-says";
    found.className = "says";
    found.setAttribute("role", "status");
    found.setAttribute("aria-live", "polite");
    document.body.append(found);
  }
  return found;
}

function part(tag, className, text) {
  const made = document.createElement(tag);
  made.className = className;
  made.textContent = text;
  return made;
}

/** Shows a message; `kind` is info, ok or bad. */
export function say({ sentence, hint = "", kind = "info" }) {
  const box = part("div", `say say-${kind}`, "");
  box.setAttribute("role", kind === "bad" ? "alert" : "status");
  const words = part("div", "say-words", "");
  words.append(part("div", "say-sentence", plain(sentence)));
  if (hint) words.append(part("div", "say-hint", plain(hint)));
  const close = part("button", "btn btn-icon btn-small", "×");
  close.type = "button";
  close.setAttribute("aria-label", "Dismiss this message");
  close.addEventListener("click", () => box.remove());
  box.append(words, close);
  const all = region();
  while (all.children.length >= 4) all.firstChild.remove();
  all.append(box);
  let timer = setTimeout(() => box.remove(), STAYS_MS[kind]);
  box.addEventListener("mouseenter", () => clearTimeout(timer));
  box.addEventListener("mouseleave", () => (timer = setTimeout(() => box.remove(), 3000)));
}

/** Says an error of the API (or any other). */
export function sayError(error) {
  say({ sentence: error.message || String(error), hint: error.hint ?? "", kind: "bad" });
}
