// What every sub-agent did when: read once from the API, then kept up by the feed. Times are ms after `base`.
import { api } from "/claw/api.js";
import { ENDED } from "/claw/roster.js";

const MOST_ASKED = 120; // lanes read again at once
const HELD = new Set(["review", "budget"]); // waits that are states of their own on record

const blank = () => ({ exact: true, states: [], signs: [], steps: [], calls: [], waits: [] });
const isOpen = (span) => span[1] === null;

export class Lanes {
  constructor(groupId, roster) {
    Object.assign(this, { groupId, roster, feed: roster.feed, base: 0, whole: new Map(), near: new Map(), critical: null, leftOut: 0 });
    this._tiles = new Map();
  }

  now() {
    return this.feed.now() - this.base;
  }

  /** Everything, as coarse as it has to be. */
  async load() {
    const answer = await api("GET", `/groups/${this.groupId}/timeline`);
    this.base = answer.base;
    this.near.clear();
    this.whole = new Map(answer.lanes.map((lane) => [lane.id, told(lane, answer.members)]));
    Object.assign(this, { critical: answer.critical, leftOut: answer.left_out });
    for (const { tile } of this.roster.of.values()) this.change(tile);
  }

  /** Some lanes from `from` to `to`, as fine as it gets. */
  async look(ids, from, to) {
    const open = to >= this.now();
    const window = { after_ms: Math.max(0, Math.floor(this.base + from)), before_ms: open ? 0 : Math.ceil(this.base + to) };
    const query = new URLSearchParams({ ...window, agents: ids.slice(0, MOST_ASKED).join(",") });
    const answer = await api("GET", `/groups/${this.groupId}/timeline?${query}`);
    for (const lane of answer.lanes) {
      this.near.set(lane.id, { from, to: open ? Infinity : to, lane: told(lane, answer.members) });
      this._tiles.delete(lane.id);
      const one = this.roster.of.get(lane.id);
      if (one) this.change(one.tile);
    }
    this.critical = answer.critical;
  }

  /** The best that is known of a lane between two moments. */
  of(id, from, to) {
    const near = this.near.get(id);
    return near && near.from <= from && near.to >= Math.min(to, this.now()) ? near.lane : this.whole.get(id);
  }

  /** Whether these lanes are known step by step between two moments. */
  coarse(ids, from, to) {
    return ids.filter((id) => this.whole.has(id) && !this.of(id, from, to).exact);
  }

  /** From the first moment to the last one that is known. */
  extent() {
    let last = 0;
    let open = false;
    for (const { states } of this.whole.values()) {
      const state = states.at(-1);
      if (!state) continue;
      if (isOpen(state)) open = true;
      else last = Math.max(last, state[1]);
    }
    return [0, Math.max(open ? this.now() : 0, last, 1000)];
  }

  // --- what the feed tells ---

  change(tile) {
    const before = this._tiles.get(tile.id);
    this._tiles.set(tile.id, tile);
    if (!this.whole.has(tile.id)) this.whole.set(tile.id, blank());
    const near = this.near.get(tile.id);
    for (const lane of [this.whole.get(tile.id), near?.to === Infinity ? near.lane : null]) if (lane) this._write(lane, tile, before);
  }

  _write(lane, tile, before) {
    const now = this.now();
    const since = Math.max(0, Math.min(now, tile.since - this.base));
    if (ENDED.has(tile.state)) {
      for (const spans of [lane.states, lane.calls, lane.waits]) for (const span of spans) if (isOpen(span)) span[1] = Math.max(span[0], since);
      this._step(lane, tile, since);
      return;
    }
    this._state(lane, tile, since, before);
    this._step(lane, tile, now);
    this._waits(lane, tile, since, now);
    this._tool(lane.calls, tile.tool && tile.state !== "waiting" ? tile.tool : "", tile.step, now);
  }

  _state(lane, tile, since, before) {
    const state = tile.state === "waiting" && !HELD.has(tile.wait) ? "driving" : tile.state;
    const who = tile.driver ? [tile.driver.name, tile.driver.kind] : null;
    const last = lane.states.at(-1);
    if (last && isOpen(last) && last[2] === state && last[3]?.[0] === who?.[0]) return;
    const from = last ? Math.max(since, last[0]) : since;
    if (last && isOpen(last)) last[1] = from;
    lane.states.push([from, null, state, who, ""]);
    const people = [before?.driver?.kind === "person", who?.[1] === "person"];
    if (before && people[0] !== people[1] && who) lane.signs.push([from, people[1] ? "taken_over" : "handed_back", who]);
  }

  _step(lane, tile, now) {
    const last = lane.steps.at(-1);
    const made = tile.step - (last?.[2] ?? 0);
    if (made <= 0 || (!last && lane === this.near.get(tile.id)?.lane)) return;
    const begin = Math.max(last?.[1] ?? 0, lane.calls.findLast((call) => !isOpen(call))?.[1] ?? 0, lane.states.at(-1)?.[0] ?? 0);
    lane.steps.push([Math.min(begin, now), now, tile.step, made, tile.driver ? [tile.driver.name, tile.driver.kind] : null]);
  }

  /** What it waits for now: its sub-agents, and what its open requests ask of people. */
  _waits(lane, tile, since, now) {
    const wanted = new Map(tile.state === "waiting" && tile.wait === "children" ? [["children", since]] : []);
    for (const { agent, kind, opened_at: at } of this.feed.state.requests.values()) if (agent === tile.id) wanted.set(kind, at - this.base);
    for (const span of lane.waits) if (isOpen(span) && !wanted.delete(span[2])) span[1] = Math.max(span[0], now);
    for (const [kind, from] of wanted) lane.waits.push([Math.max(0, from), null, kind]);
  }

  /** Only the call of this tool is open. */
  _tool(calls, name, step, now) {
    let open = false;
    for (const call of calls.slice(-40)) {
      if (!isOpen(call)) continue;
      if (call[2] === name) open = true;
      else call[1] = Math.max(call[0], now);
    }
    if (name && !open) calls.push([now, null, name, "released", step]);
  }
}

/** A lane of an answer, with people's names in place of numbers. */
function told(lane, members) {
  const who = (place) => (place >= 0 ? members[place] : null);
  return {
    exact: lane.exact, calls: lane.calls, waits: lane.waits,
    states: lane.states.map(([a, b, state, place, reason]) => [a, b, state, who(place), reason]),
    signs: lane.signs.map(([at, kind, place]) => [at, kind, who(place)]),
    steps: lane.steps.map(([a, b, step, count, place, seq]) => [a, b, step, count, who(place), seq]),
  };
}

const SIGNS = { taken_over: "Taken over", handed_back: "Handed back", reassigned: "Reassigned", lease_lapsed: "Lease ran out", seat_lost: "Runner lost" };
export const WAIT_WORDS = {
  children: "its sub-agents", approval: "an approval", question: "an answer", answer: "an answer", review: "a review",
  budget: "a higher limit", stall: "somebody to look", unknown_fate: "a decision", task: "a person to begin",
};
const STATE_WORDS = { driving: "Driving", queued: "Queued", paused: "Paused", handing_over: "Handing over", waiting: "Waiting", done: "Done", failed: "Failed", cancelled: "Cancelled" };
const at = (spans, t, slack = 0) => spans.findLast(([a, b]) => a - slack <= t && (b === null || b + slack >= t));

/** What lies at a moment of a lane: [{title, from, to, more, seq?}], the most telling first. */
export function under(lane, t, slack) {
  const found = [];
  const sign = lane.signs.findLast(([when]) => Math.abs(when - t) <= slack * 2);
  if (sign) found.push({ title: SIGNS[sign[1]], from: sign[0], to: sign[0], more: sign[2]?.[0] ?? "" });
  const wait = at(lane.waits, t);
  if (wait) found.push({ title: `Waits for ${WAIT_WORDS[wait[2]] ?? wait[2]}`, from: wait[0], to: wait[1], more: "" });
  const call = at(lane.calls, t, slack);
  if (call) found.push({ title: `Tool ${call[2]}`, from: call[0], to: call[1], more: call[1] === null ? "runs" : String(call[3]).replace("_", " ") });
  const step = lane.steps.find(([a, b]) => a <= t && b >= t);
  if (step) {
    const many = step[3] > 1;
    found.push({ title: many ? `Steps ${step[2] - step[3] + 1} to ${step[2]}` : `Step ${step[2]}`, from: step[0], to: step[1], more: step[4]?.[0] ?? "", seq: step[5] });
  }
  const state = at(lane.states, t);
  if (state) found.push({ title: STATE_WORDS[state[2]] ?? state[2], from: state[0], to: state[1], more: state[3]?.[0] ?? state[4] ?? "" });
  return found;
}
