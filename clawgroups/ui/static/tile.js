// One tile of the wall: made once, then only what changed is written.
import { LOOKS, plain, stateWords } from "/claw/words.js";

export const BARS = 20; // of the sparkline
export const BAR_MS = 3000; // what one bar stands for

function make(tag, className, parent) {
  const made = document.createElement(tag);
  made.className = className;
  parent?.append(made);
  return made;
}

function text(parent, tag, className) {
  const node = document.createTextNode("");
  make(tag, className, parent).append(node);
  return node;
}

const SVG = "http://www.w3.org/2000/svg";

function sparkline(parent) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", "tile-spark");
  svg.setAttribute("viewBox", `0 0 ${BARS * 5} 16`);
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(SVG, "path");
  svg.append(path);
  parent.append(svg);
  return path;
}

/** Writes a text node only when it differs. */
function put(node, value) {
  if (node.data !== value) node.data = value;
}

export class Tile {
  constructor(tile) {
    this.id = tile.id;
    this.look = "";
    this.bars = new Float32Array(BARS);
    this.drawn = new Uint8Array(BARS); // heights: of each tile, the path itself would take 1.5 KB
    this.live = false;
    this.element = make("button", "tile");
    Object.assign(this.element, { type: "button", tabIndex: -1 });
    this.element.dataset.id = tile.id;
    const top = make("span", "tile-top", this.element);
    this.name = text(top, "b", "tile-name");
    this.step = text(top, "span", "tile-step");
    this.path = sparkline(this.element);
    this.icon = text(this.element, "span", "tile-icon");
    this.more = null;
  }

  /** Takes the state in; says whether its look changed. */
  update(tile, look) {
    this.tile = tile;
    const changed = this.look !== look;
    if (changed) {
      this.look = look;
      this.element.dataset.look = look;
      put(this.icon, LOOKS[look].icon);
    }
    put(this.name, shortName(tile));
    put(this.step, String(tile.step));
    const words = plain(`${tile.name}: ${stateWords(tile, look)}, step ${tile.step}${tile.title && tile.title !== tile.name ? `, ${tile.title}` : ""}`);
    if (this.words !== words) {
      this.words = words;
      this.element.setAttribute("aria-label", words);
      this.found = `${words} ${tile.role} ${tile.driver?.name ?? tile.member} ${look}`.toLowerCase();
    }
    if (this.more) this.updateMore();
    return changed;
  }

  /** The large density shows who, what and the last words. */
  large(on) {
    if (!on || this.more) return;
    const box = make("span", "tile-more", this.element);
    this.more = {
      title: text(box, "span", "tile-title"),
      state: text(box, "span", "tile-state"),
      line: text(box, "span", "tile-line"),
    };
    if (this.tile) this.updateMore(); // a new one has no state yet
  }

  updateMore() {
    const { tile, more } = this;
    put(more.title, plain(tile.title && tile.title !== tile.name ? `${tile.name} · ${tile.title}` : tile.name)); // the drawer and the table say the name
    put(more.state, `${stateWords(tile, this.look)}${tile.driver && this.look !== "hum" ? ` · ${plain(tile.driver.name)}` : ""}`);
    if (!this.live) put(more.line, tile.line || "");
  }

  /** The end of the text under way. */
  say(live) {
    this.live = live !== ""; // the words are the feed's to keep, as long as they are watched
    if (this.more) put(this.more.line, live.slice(-240).replace(/\s+/g, " "));
  }

  /** Adds to the present bar; `share` is the part of a bar's time that has passed. */
  sample(rate, share) {
    this.bars[BARS - 1] += rate * share;
  }

  shift() {
    this.bars.copyWithin(0, 1);
    this.bars[BARS - 1] = 0;
  }

  draw(top) {
    let changed = false;
    for (let i = 0; i < BARS; i++) {
      const value = this.bars[i];
      const height = value < 0.3 ? 0 : Math.max(1, Math.round(Math.min(1, value / top) * 15));
      if (height === this.drawn[i]) continue;
      this.drawn[i] = height;
      changed = true;
    }
    if (changed) this.path.setAttribute("d", Array.from(this.drawn, barPath).join(""));
  }
}

const barPath = (height, at) => (height ? `M${at * 5} 16v-${height}h3.4v${height}z` : "");

/** The name that fits on a tile: a file's own name where the task is a path, else the sub-agent's. */
export function shortName(tile) {
  const title = tile.title ?? "";
  if (/^\S+\/\S+$/.test(title) || /^\S+\.\w+$/.test(title)) return plain(title.split("/").at(-1));
  const prefix = `${tile.role}-`; // the group's heading says it already
  return plain(tile.parent && tile.name.startsWith(prefix) ? tile.name.slice(prefix.length) : tile.name);
}
