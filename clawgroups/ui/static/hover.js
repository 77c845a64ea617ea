// A card beside the tile under the pointer: what it does and its live words, without opening it.
import { clock, plain, plural, stateWords } from "/claw/words.js";

const PAUSE_MS = 220; // a pointer that only passes by opens nothing
const GAP = 8;
const KEPT = 420; // characters of live text

function part(tag, className, parent) {
  const made = document.createElement(tag);
  made.className = className;
  parent.append(made);
  return made;
}

export class Hover {
  /** `field` holds the tiles; `tileOf(id)` gives a tile; `feed` its words. */
  constructor(field, feed, tileOf) {
    Object.assign(this, { field, feed, tileOf, id: null });
    this.card = document.createElement("div");
    this.card.className = "hover";
    this.card.hidden = true;
    this.card.setAttribute("aria-hidden", "true"); // a tile's own label says it to screen readers
    this.name = part("b", "hover-name", this.card);
    this.state = part("span", "hover-state num", this.card);
    this.title = part("p", "hover-title", this.card);
    this.words = part("p", "hover-words", this.card);
    document.body.append(this.card);
    this.over = (event) => event.pointerType === "mouse" && this.soon(event.target.closest(".tile"));
    this.out = () => this.close();
    field.addEventListener("pointerover", this.over);
    for (const kind of ["pointerleave", "pointerdown", "scroll"]) field.addEventListener(kind, this.out, { passive: true });
  }

  remove() {
    this.close();
    this.card.remove();
    this.field.removeEventListener("pointerover", this.over);
    for (const kind of ["pointerleave", "pointerdown", "scroll"]) this.field.removeEventListener(kind, this.out);
  }

  soon(element) {
    if (element?.dataset.id === this.id) return;
    this.close();
    if (element) this.timer = setTimeout(() => this.open(element), PAUSE_MS);
  }

  open(element) {
    if (!element.isConnected || !element.matches(":hover")) return;
    this.id = element.dataset.id;
    this.feed.watch(this.id);
    this.write();
    this.card.hidden = false;
    const tile = element.getBoundingClientRect();
    const card = this.card.getBoundingClientRect();
    const below = tile.bottom + GAP + card.height < innerHeight;
    this.card.style.left = `${Math.max(GAP, Math.min(tile.left, innerWidth - card.width - GAP))}px`;
    this.card.style.top = `${below ? tile.bottom + GAP : tile.top - GAP - card.height}px`;
    this.beat = setInterval(() => this.write(), 250);
  }

  close() {
    clearTimeout(this.timer);
    clearInterval(this.beat);
    if (this.id) this.feed.unwatch(this.id);
    this.id = null;
    this.card.hidden = true;
  }

  write() {
    const tile = this.tileOf(this.id);
    if (!tile) return this.close();
    const { tile: state, look } = tile;
    const { text, reasoning } = this.feed.textOf(this.id);
    this.card.dataset.look = look;
    this.name.textContent = plain(state.name);
    this.state.textContent = `${stateWords(state, look)} · ${clock((this.feed.now() - state.since) / 1000)} · ${plural(state.step, "step")}`;
    this.title.textContent = state.title && state.title !== state.name ? plain(state.title) : "";
    this.words.textContent = (text || reasoning || state.line || "").slice(-KEPT);
  }
}
