// One shared connection per group and page to the feed. See feedOf at the end.
//
// Subscribers get, at most once per animation frame, plain objects:
//   {type: "snapshot"}                                      everything is new; read feed.state
//   {type: "batch", tiles: [id], live: [[id, rate, tokens]], group: bool, people: bool, room: bool, opened: [id], changed: [id], closed: [id], events: [..]}
//   {type: "text", agent, epoch, kind: "text"|"reasoning"|"call", reset: bool, add}   only of watched sub-agents
//   {type: "unsent", agent}                                what the person at its wheel writes has changed; see unsentOf
//   {type: "status", ledger, runner}
//   {type: "connection", connected, phase: "connecting"|"live"|"reconnecting"|"gone", reason}
// feed.state = {group, tiles: Map id -> tile, requests: Map id -> request, rates: Map id -> {rate, tokens},
//               people: [{id, name, agents: [id]}], status, behind (ms), connected, phase, reason}
import { stillHere } from "/claw/me.js";

const FIRST_WAIT_MS = 250;
const LONGEST_WAIT_MS = 5000;
const BEAT_MS = 4000; // the server says something so often at least
const SILENCE_MS = 3 * BEAT_MS; // after which it is not there any more, whatever the connection looks like
const HIDDEN_MS = 500; // a hidden tab gets no animation frames
const SKEW_MS = 2000; // clocks that differ by more than this are not the same clock
const GONE = 4404;
const FOREIGN = 4403;
const SIGNED_OUT = 4401;
const KEPT_TEXT = 2000; // last characters of a turn under way, of each of up to 320 that are watched; its thread has all of it
const TOLD_TEXT = 20000; // characters told at once, after a frame that was long in coming
const MOST_UNSENT = 8000; // characters of each part; the server keeps no more
const NOTHING = { by: "", name: "", turn: "", tool: "", arguments: "", note: "" };

class Feed {
  constructor(groupId) {
    this.groupId = groupId;
    this.state = {
      group: null, tiles: new Map(), requests: new Map(), rates: new Map(), people: [], status: {},
      behind: 0, connected: false, phase: "connecting", reason: "",
    };
    this._hearers = new Set();
    this._watched = new Map();
    this._texts = new Map();
    this._unsent = new Map();
    this._byNumber = new Map();
    this._looksAt = "";
    this._last = null;
    this._attempt = 0;
    this._lag = Infinity;
    this._connect();
    setInterval(() => this._listen(), BEAT_MS / 4);
    addEventListener("online", () => this._soon(0));
    document.addEventListener("visibilitychange", () => this._schedule());
  }

  /** Hears everything from now on; returns the way to stop. */
  subscribe(hearer) {
    this._hearers.add(hearer);
    return () => this._hearers.delete(hearer);
  }

  /** Live text of this sub-agent is wanted. Counted: as many unwatch calls end it. */
  watch(agentId) {
    this._watched.set(agentId, (this._watched.get(agentId) ?? 0) + 1);
    if (this._watched.get(agentId) === 1) this._tellWatched();
  }

  unwatch(agentId) {
    const left = (this._watched.get(agentId) ?? 0) - 1;
    if (left > 0) {
      this._watched.set(agentId, left);
    } else if (this._watched.delete(agentId)) {
      this._texts.delete(agentId);
      this._tellWatched();
    }
  }

  /** The person has this sub-agent open ("" for none); the others see it. */
  look(agentId) {
    this._looksAt = agentId ?? "";
    this._send({ t: "look", agent: this._looksAt });
  }

  /** The turn under way of a watched sub-agent, as far as it came: {text, reasoning, call, epoch}. */
  textOf(agentId) {
    return this._texts.get(agentId) ?? { text: "", reasoning: "", call: "", epoch: 0 };
  }

  /** What the person at the wheel of a sub-agent that is looked at writes: {by, name, turn, tool, arguments, note}. */
  unsentOf(agentId) {
    return this._unsent.get(agentId) ?? NOTHING;
  }

  /** Tells the others what this person writes at the wheel, all of it, in place of what was told before. */
  write(agentId, epoch, words) {
    const cut = Object.entries(words).map(([part, text]) => [part, text.slice(-MOST_UNSENT)]);
    this._send({ t: "write", agent: agentId, epoch, ...Object.fromEntries(cut) });
  }

  /** The server's present time in ms, as well as it is known. */
  now() {
    return Date.now() - this._skew();
  }

  /** Asks for a snapshot. */
  resync() {
    this._last = null;
    this._send({ t: "resync" });
  }

  // --- the connection -------------------------------------------------------------------------------

  _connect() {
    clearTimeout(this._timer);
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(`${scheme}//${location.host}/api/v1/groups/${this.groupId}/feed`);
    this._socket = socket;
    socket.onopen = () => {
      this._heardAt = performance.now();
      this._tellWatched();
      if (this._looksAt) this.look(this._looksAt);
    };
    socket.onmessage = (message) => {
      this._heardAt = performance.now();
      const said = JSON.parse(message.data);
      for (const frame of Array.isArray(said) ? said : [said]) this._hear(frame);
    };
    socket.onclose = (event) => this._lost(event);
  }

  /** A connection may be dead without anybody saying so: the network is gone, the machine slept, the server hangs. */
  _listen() {
    if (this._socket.readyState !== WebSocket.OPEN) return;
    const silence = performance.now() - this._heardAt;
    if (silence > 1.5 * BEAT_MS) this.state.behind = Math.max(this.state.behind, silence);
    if (silence < SILENCE_MS) return;
    this._socket.onclose = this._socket.onmessage = null; // its end may take minutes to be told
    this._socket.close();
    this._lost({ code: 0, reason: "The server has said nothing for a while." });
  }

  _lost(event) {
    if (event.code === SIGNED_OUT) stillHere();
    this._unsent.clear(); // a cut connection: nobody knows whether it is still so
    const over = event.code === GONE || event.code === FOREIGN;
    this._last = null;
    Object.assign(this.state, { connected: false, phase: over ? "gone" : "reconnecting", reason: event.reason });
    this._tell({ type: "connection", connected: false, phase: this.state.phase, reason: event.reason });
    if (!over) this._soon(Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** this._attempt++) * (0.75 + Math.random() / 2));
  }

  _soon(ms) {
    if (this.state.phase !== "reconnecting") return;
    clearTimeout(this._timer);
    this._timer = setTimeout(() => this._socket.readyState >= WebSocket.CLOSING && this._connect(), ms);
  }

  _send(frame) {
    if (this._socket.readyState === WebSocket.OPEN) this._socket.send(JSON.stringify(frame));
  }

  _tellWatched() {
    if (this._telling) return;
    this._telling = true;
    queueMicrotask(() => {
      this._telling = false;
      this._send({ t: "watch", agents: [...this._watched.keys()] });
    });
  }

  // --- what comes in --------------------------------------------------------------------------------

  _hear(frame) {
    if (frame.at) this._measure(frame.at);
    if (frame.t === "snapshot") this._snapshot(frame);
    else if (frame.t === "batch") this._batch(frame);
    else if (frame.t === "text") this._text(frame);
    else if (frame.t === "unsent") {
      this._unsent.set(frame.agent, frame);
      this._tell({ type: "unsent", agent: frame.agent });
    } else if (frame.t === "status") {
      this.state.status = { ledger: frame.ledger, runner: frame.runner };
      this._tell({ type: "status", ...this.state.status });
    }
  }

  _measure(at) {
    const lag = Date.now() - at;
    this._lag = Math.min(this._lag, lag);
    this.state.behind = Math.max(0, lag - this._skew());
  }

  _skew() {
    return Math.abs(this._lag) > SKEW_MS && Number.isFinite(this._lag) ? this._lag : 0;
  }

  _snapshot(frame) {
    const { state } = this;
    this._last = frame.n;
    this._attempt = 0;
    state.group = frame.group;
    state.tiles = new Map(frame.tiles.map((tile) => [tile.id, tile]));
    state.requests = new Map(frame.requests.map((request) => [request.id, request]));
    state.rates = new Map();
    state.status = frame.status;
    state.people = frame.people ?? [];
    this._byNumber = new Map(frame.tiles.map((tile) => [tile.n, tile.id]));
    Object.assign(state, { connected: true, phase: "live", reason: "" });
    this._tell({ type: "connection", connected: true, phase: "live", reason: "" });
    this._tell({ type: "snapshot" });
  }

  _batch(frame) {
    if (this._last === null) return; // a snapshot is on its way
    if (frame.n !== this._last + 1) return this.resync();
    this._last = frame.n;
    const { state } = this;
    const news = (this._news ??= { tiles: new Set(), live: new Map(), group: false, people: false, room: false, opened: new Set(), changed: new Set(), closed: new Set(), events: [] });
    if (frame.group) {
      state.group = frame.group;
      news.group = true;
    }
    if (frame.people) {
      state.people = frame.people;
      news.people = true;
    }
    if (frame.room) news.room = true;
    for (const tile of frame.tiles ?? []) {
      state.tiles.set(tile.id, tile);
      this._byNumber.set(tile.n, tile.id);
      news.tiles.add(tile.id);
    }
    for (const [number, rate, tokens] of frame.live ?? []) {
      const id = this._byNumber.get(number);
      if (id === undefined) continue;
      state.rates.set(id, { rate, tokens });
      news.live.set(id, [id, rate, tokens]);
    }
    for (const request of frame.requests?.opened ?? []) {
      state.requests.set(request.id, request);
      news.opened.add(request.id);
      news.closed.delete(request.id);
    }
    for (const request of frame.requests?.changed ?? []) {
      state.requests.set(request.id, request);
      news.changed.add(request.id);
    }
    for (const id of frame.requests?.closed ?? []) {
      state.requests.delete(id);
      news.opened.delete(id);
      news.closed.add(id);
    }
    if (frame.events) news.events = [...news.events, ...frame.events].slice(-50);
    this._schedule();
  }

  _text({ agent, epoch, kind, reset = false, add }) {
    const kept = this._texts.get(agent) ?? { text: "", reasoning: "", call: "", epoch };
    if (reset && kind === "text") Object.assign(kept, { text: "", reasoning: "", call: "" });
    kept[kind] = ((reset ? "" : kept[kind]) + add).slice(-KEPT_TEXT);
    kept.epoch = epoch;
    this._texts.set(agent, kept);
    this._tell({ type: "text", agent, epoch, kind, reset, add });
  }

  // --- telling, once per frame ----------------------------------------------------------------------

  _tell(message) {
    const queue = (this._queue ??= []);
    const last = queue.at(-1);
    const joins = message.type === "text" && last?.type === "text" && !message.reset;
    if (joins && last.agent === message.agent && last.kind === message.kind && last.epoch === message.epoch) {
      last.add = (last.add + message.add).slice(-TOLD_TEXT);
    } else {
      queue.push(message);
    }
    this._schedule();
  }

  _schedule() {
    cancelAnimationFrame(this._frame);
    clearTimeout(this._late);
    if (!this._news && !this._queue) return;
    if (document.hidden) this._late = setTimeout(() => this._flush(), HIDDEN_MS);
    else this._frame = requestAnimationFrame(() => this._flush());
  }

  _flush() {
    const { _news: news, _queue: queue = [] } = this;
    this._news = this._queue = undefined;
    const messages = queue.filter((message) => message.type !== "text");
    if (news) messages.push(asBatch(news));
    messages.push(...queue.filter((message) => message.type === "text"));
    for (const message of messages) for (const hearer of [...this._hearers]) tellOne(hearer, message);
  }
}

/** One hearer's fault is told as any other, and takes nothing from the others. */
function tellOne(hearer, message) {
  try {
    hearer(message);
  } catch (error) {
    reportError(error);
  }
}

function asBatch(news) {
  return {
    type: "batch",
    tiles: [...news.tiles],
    live: [...news.live.values()],
    group: news.group,
    people: news.people,
    room: news.room,
    opened: [...news.opened],
    changed: [...news.changed],
    closed: [...news.closed],
    events: news.events,
  };
}

const feeds = new Map();

/** The group's feed, shared by everything on this page. */
export function feedOf(groupId) {
  if (!feeds.has(groupId)) feeds.set(groupId, new Feed(groupId));
  return feeds.get(groupId);
}
