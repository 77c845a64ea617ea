// Which sub-agents are looked for: words and states. One choice for the wall, the timeline, the tree and the table.
import { stateWords } from "/claw/words.js";

export const CHIPS = ["gen", "tool", "wait", "att", "hum", "bad", "done"];
const SAME_CHIP = { queued: "wait", paused: "wait", off: "done" };

/** The chip that a look belongs to. */
export const chipOf = (look) => SAME_CHIP[look] ?? look;

/** All that a sub-agent can be found by. */
export function foundBy(tile, look) {
  const words = `${tile.name}: ${stateWords(tile, look)}, step ${tile.step}, ${tile.title ?? ""}`;
  return `${words} ${tile.role} ${tile.driver?.name ?? tile.member} ${look}`.toLowerCase();
}

class Sieve extends EventTarget {
  constructor() {
    super();
    this.text = "";
    this.shown = new Set();
    this._words = [];
  }

  get open() {
    return !this._words.length && !this.shown.size;
  }

  set(text) {
    this.text = text;
    this._words = text.trim().toLowerCase().split(/\s+/).filter(Boolean);
    this.dispatchEvent(new Event("change"));
  }

  toggle(chip) {
    const shown = new Set(this.shown);
    if (!shown.delete(chip)) shown.add(chip);
    this.shown = shown;
    this.dispatchEvent(new Event("change"));
  }

  /** Whether what is found by `found` and looks like `look` is wanted. */
  fits(found, look) {
    return (!this.shown.size || this.shown.has(chipOf(look))) && this._words.every((word) => found.includes(word));
  }

  /** Hears every change; returns the way to stop. */
  watch(hearer) {
    this.addEventListener("change", hearer);
    return () => this.removeEventListener("change", hearer);
  }
}

export const sieve = new Sieve();
