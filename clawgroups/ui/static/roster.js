// The sub-agents of a group as the timeline, the tree and the table need them: look, order, who is below whom.
import { feedOf } from "/claw/feed.js";
import { foundBy, sieve } from "/claw/sieve.js";
import { lookOf } from "/claw/words.js";

export const ENDED = new Set(["done", "failed", "cancelled"]);

class Roster {
  constructor(groupId) {
    this.feed = feedOf(groupId);
    this.of = new Map(); // id -> {tile, look, asked, found}
    this.below = new Map(); // id ("" for those at the top) -> [id], in order of creation
    this._hearers = new Set();
    this.feed.subscribe((message) => this._hear(message));
    if (this.feed.state.group) this._all();
  }

  /** Hears {changed: Set of ids, shape: whether somebody came or moved}; returns the way to stop. */
  subscribe(hearer) {
    this._hearers.add(hearer);
    return () => this._hearers.delete(hearer);
  }

  children(id) {
    return this.below.get(id) ?? [];
  }

  /** A sub-agent and everybody under it, parents first. */
  under(id) {
    const found = [id];
    for (let at = 0; at < found.length; at++) found.push(...this.children(found[at]));
    return found;
  }

  fits(id) {
    const one = this.of.get(id);
    return sieve.fits(one.found, one.look);
  }

  _hear(message) {
    if (message.type === "snapshot") this._all();
    else if (message.type === "batch") this._some(message);
  }

  _all() {
    this.of.clear();
    this._count();
    for (const id of this.feed.state.tiles.keys()) this._take(id);
    this._shape();
    this._tell(new Set(this.of.keys()), true);
  }

  _some({ tiles, opened, closed }) {
    const changed = new Set(tiles);
    if (opened.length || closed.length) {
      const before = this._asked;
      this._count();
      for (const id of [...before.keys(), ...this._asked.keys()]) if (before.get(id) !== this._asked.get(id)) changed.add(id);
    }
    let shape = false;
    for (const id of [...changed]) {
      if (!this.feed.state.tiles.has(id)) changed.delete(id);
      else shape = this._take(id) || shape;
    }
    if (shape) this._shape();
    if (changed.size) this._tell(changed, shape);
  }

  _count() {
    this._asked = new Map();
    for (const { agent } of this.feed.state.requests.values()) this._asked.set(agent, (this._asked.get(agent) ?? 0) + 1);
  }

  _take(id) {
    const tile = this.feed.state.tiles.get(id);
    const asked = this._asked.get(id) ?? 0;
    const look = lookOf(tile, asked > 0);
    const known = this.of.get(id);
    this.of.set(id, { tile, look, asked, found: foundBy(tile, look) });
    return !known || known.tile.parent !== tile.parent;
  }

  _shape() {
    this.below = new Map();
    const ordered = [...this.of.values()].sort((a, b) => a.tile.n - b.tile.n);
    for (const { tile } of ordered) {
      const parent = this.of.has(tile.parent) ? tile.parent : "";
      if (this.below.has(parent)) this.below.get(parent).push(tile.id);
      else this.below.set(parent, [tile.id]);
    }
  }

  _tell(changed, shape) {
    for (const hearer of [...this._hearers]) hearer({ changed, shape });
  }
}

const rosters = new Map();

/** The group's roster, shared by everything on this page. */
export function rosterOf(groupId) {
  if (!rosters.has(groupId)) rosters.set(groupId, new Roster(groupId));
  return rosters.get(groupId);
}
