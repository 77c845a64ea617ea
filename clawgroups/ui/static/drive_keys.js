// The shortcuts of the take-over screen: each does what a button does that is on the screen, and nothing where there is none.
import { onKey } from "/claw/keys.js";
import { say } from "/claw/say.js";

const YES = ["approve", "accept", "run_again", "raise", "retry", "resume", "answer"];
const NO = ["deny", "reject", "leave", "fail"];
const PATIENCE_MS = 3000;

const seen = (selector) => [...document.querySelectorAll(selector)].filter((one) => !one.disabled && one.checkVisibility());
const press = (selector) => seen(selector)[0]?.click();
const cards = () => seen("article.ask[data-request]:not(.ask-left)");

/** What is found in the panel of work, which is opened first; its opening takes a moment. */
function inWork(find, use) {
  if (!seen('[data-shown="work"]').length) press('[data-panel="work"]');
  const until = performance.now() + PATIENCE_MS;
  const look = () => {
    const found = seen('[data-shown="work"]').length ? find() : null;
    if (found) use(found);
    else if (performance.now() < until && !seen('[data-shown="work"]').length) requestAnimationFrame(look);
  };
  look();
}

function step(by) {
  if (!document.querySelector("article.ask[data-request]:not(.ask-left)")) return say({ sentence: "Nothing here needs you." });
  inWork(() => cards().length && cards(), (all) => {
    const at = all.indexOf(document.activeElement?.closest("article.ask"));
    const next = all[at < 0 ? (by > 0 ? 0 : all.length - 1) : (at + by + all.length) % all.length];
    next.scrollIntoView({ block: "nearest" });
    next.querySelector("button, input, textarea, select")?.focus({ preventScroll: true });
  });
}

function decide(wanted) {
  inWork(() => cards().length && cards(), (all) => {
    const card = document.activeElement?.closest("article.ask[data-request]") ?? all[0];
    const found = wanted.map((id) => card.querySelector(`[data-choice="${id}"]`)).find(Boolean);
    if (found && !found.disabled) found.click();
  });
}

/** Where the panels stand under the thread, the one that is chosen comes into sight. */
export function leadToPanels() {
  const lead = ({ target }) => {
    const side = target.closest?.(".drive-tab") && document.querySelector(".drive-side");
    if (side && matchMedia("(max-width: 860px)").matches) side.scrollIntoView({ block: "start" });
  };
  document.addEventListener("click", lead);
  return () => document.removeEventListener("click", lead);
}

/** Adds them; returns the ways to remove them. */
export function driveKeys() {
  return [
    onKey("j", "Next that needs you here", () => step(1)),
    onKey("k", "The one before", () => step(-1)),
    onKey("a", "Approve, accept or answer", () => decide(YES)),
    onKey("d", "Deny or send back", () => decide(NO)),
    onKey("t", "Take over now", () => press('.wheel [data-act="now"]')),
    onKey("h", "Hand back", () => press('.wheel [data-act="give"]')),
    onKey("p", "Pause or resume it", () => press('.wheel [data-act="pause"], .wheel [data-act="resume"]')),
    onKey("s", "Steer it; at the wheel: write", () => inWork(() => seen('[data-shown="work"] .words-field textarea')[0], (area) => area.focus())),
    onKey("Escape", "Leave a field", () => {}),
  ];
}
