// The thread of one sub-agent. Agent text is hostile input: it only ever becomes text nodes.
import { api } from "/claw/api.js";
import { Attached } from "/claw/attached.js";
import { feedOf } from "/claw/feed.js";
import { day, plain, pretty, timeOfDay } from "/claw/words.js";

const PAGE = 60; // lines read at once
const MOST = 900; // lines kept on the page; older ones are read again when scrolled to
const FOLD = 1600; // characters shown of a long text before it is unfolded
const FAR = "9007199254740991"; // later than any event
const FATES = {
  done: ["✓", "done", "ok"],
  failed: ["✕", "failed", "bad"],
  denied: ["⊘", "denied", "bad"],
  not_started: ["○", "never started", "dim"],
  unknown: ["?", "outcome unknown", "attention"],
};
const OPEN = {
  asking: ["‖", "waits for approval", "attention"],
  released: ["…", "running", "tool"],
  children: ["⑂", "a sub-agent works on it", "tool"],
  answer: ["‖", "waits for an answer", "attention"],
  unknown: ["?", "outcome unknown, a person decides", "attention"],
};
const TITLES = {
  task: "Task",
  steer: "Words for the next step",
  hand_back: "Handed back",
  lapse: "Goes on after a lease that ran out",
  reassign: "Given to another driver",
  late: "Late words of an old driver, refused and kept aside",
};
const TONES = { hand_back: "human", lapse: "human", reassign: "human", steer: "human", late: "dim" };

const short = (text) => {
  try {
    const values = Object.entries(JSON.parse(text || "{}"));
    return values.map(([key, value]) => `${key}: ${typeof value === "string" ? value : JSON.stringify(value)}`).join(", ");
  } catch {
    return text;
  }
};
// Splits at code fences, so that code and diffs stand apart; nothing else of Markdown is carried out.
const segments = (text) =>
  text.split(/^```(\w*)[^\n]*\n([\s\S]*?)^```\s*$/m).reduce((made, part, index, all) => {
    if (index % 3 === 0 && part.trim()) made.push({ text: part.replace(/^\n+|\n+$/g, "") });
    if (index % 3 === 2) made.push({ code: true, diff: all[index - 1] === "diff", lines: part.replace(/\n$/, "").split("\n") });
    return made;
  }, []);
const tone = (line) => ({ "+": "add", "-": "cut-line", "@": "at" })[line[0]] || "";

export default {
  components: { Attached },
  template: `
<section class="thread" :class="{compact}" :aria-label="'Thread of ' + (plain(tile?.name) || 'the sub-agent')">
  <div class="thread-scroll" ref="scroll" tabindex="0" role="log" aria-live="polite" :aria-busy="loading" @scroll.passive="scrolled">
    <p v-if="older" class="thread-note"><button type="button" class="btn btn-small" @click="loadOlder">Earlier lines</button></p>
    <p v-if="problem" class="thread-note bad" role="alert">{{ problem }}
      <button type="button" class="btn btn-small" @click="loadNewer">Try again</button></p>
    <p v-if="!blocks.length && !loading && !problem && !streaming" class="thread-note">Nothing is written yet.</p>
    <p v-if="!blocks.length && loading" class="thread-note">Reading the thread…</p>
    <article v-for="block in blocks" :key="block.key" class="line" :class="['by-' + block.tone, {unfinished: block.unfinished}]"
      :data-kind="block.kind" :data-seq="block.seq">
      <header><h3><bdi>{{ block.title }}</bdi></h3><span v-if="block.tag" class="tag" :class="block.tagClass">{{ block.tag }}</span>
        <span v-if="block.step" class="dim">step {{ block.step }}</span>
        <span v-if="canBranch && block.step && !block.unfinished" class="branch"><button type="button" class="branch-act" :disabled="Boolean(branchOff)" :title="branchOff || 'A new sub-agent that goes on from the end of step ' + block.step"
          :data-fork="block.step" @click="$emit('branch', {step: block.step, instead: false})">Fork from here</button><button v-if="canRewind" type="button" class="branch-act"
          :disabled="Boolean(branchOff)" :title="branchOff || 'A fork from the end of step ' + block.step + ' takes its place'" :data-rewind="block.step" @click="$emit('branch', {step: block.step, instead: true})">Rewind to here</button></span>
        <time v-if="block.at" :datetime="iso(block.at)" :title="full(block.at)">{{ clock(block.at) }}</time></header>
      <p v-if="block.unfinished" class="mark">{{ block.mark }}
        <button v-if="canUse && block.raw" type="button" class="btn btn-small" @click="$emit('use', {text: block.raw})">Use as a start</button></p>
      <details v-if="block.reasoning" class="fold"><summary>Reasoning</summary><div class="words dim" dir="auto">{{ block.reasoning }}</div></details>
      <details v-if="block.folded" class="fold"><summary>{{ block.folded }}</summary><div class="words" dir="auto">{{ block.raw }}</div></details>
      <template v-else v-for="(part, index) in block.parts" :key="index">
        <div v-if="!part.code" class="words" dir="auto">{{ part.text }}</div>
        <pre v-else class="code"><span v-for="(line, n) in part.lines" :key="n" :class="part.diff ? tone(line) : ''">{{ line + "\\n" }}</span></pre>
      </template>
      <attached v-if="block.attachments?.length" :group-id="groupId" :files="block.attachments"></attached>
      <button v-if="block.more" type="button" class="btn btn-small" @click="unfold(block.key)">Show all {{ block.more }} characters</button>
      <details v-for="call in block.calls" :key="call.id" class="call" :class="'fate-' + call.tone" :data-call="call.name"
        :data-fate="call.fate" :open="isOpen(call)" @toggle="toggled(call, $event)">
        <summary><span class="icon" aria-hidden="true">{{ call.icon }}</span><code><bdi>{{ call.name }}</bdi></code>
          <span class="short"><bdi>{{ call.short }}</bdi></span><span class="fate">{{ call.words }}</span></summary>
        <template v-if="isOpen(call)">
          <h4>Arguments</h4><pre class="code">{{ call.arguments }}</pre>
          <template v-if="call.result !== null"><h4>Result <span v-if="call.by" class="dim">by <bdi>{{ call.by }}</bdi></span>
            <time v-if="call.at" class="dim" :title="full(call.at)"> {{ clock(call.at) }}</time></h4>
          <pre class="code call-result">{{ call.result || "(empty)" }}</pre></template>
        </template>
      </details>
    </article>
    <article v-if="streaming" class="line live" aria-live="off" data-kind="live">
      <header><h3><bdi>{{ tile?.driver?.name || "The driver" }}</bdi></h3><span class="tag tag-info">writing now</span></header>
      <div v-if="live.reasoning" class="words dim">{{ live.reasoning }}</div>
      <div class="words" dir="auto">{{ live.text }}<span class="caret" aria-hidden="true"></span></div>
    </article>
  </div>
  <button v-if="unseen || ahead" type="button" class="btn btn-small thread-new" @click="toEnd">{{ ahead ? "To the last lines" : "New lines" }} ↓</button>
</section>`,
  props: { groupId: String, agentId: String, compact: Boolean, canUse: Boolean, openCalls: Object, canBranch: Boolean, canRewind: Boolean, branchOff: String },
  emits: ["moved", "use", "branch"],
  data: () => ({
    items: [], // frozen entries, oldest first
    live: { text: "", reasoning: "" },
    tile: null,
    older: false,
    ahead: false, // there are newer lines that were not read: the page was opened at a place in the middle
    loading: true,
    problem: "",
    unseen: false,
    toggles: {}, // call key: opened or closed by hand
    unfolded: {},
  }),
  computed: {
    streaming() {
      return Boolean(this.live.text || this.live.reasoning);
    },
    blocks() {
      const made = [];
      const open = {};
      for (const item of this.items) {
        if (item.role === "tool") {
          const call = open[item.call_id];
          if (call) this.close(call, item);
          else made.push(this.loose(item));
          delete open[item.call_id];
          continue;
        }
        const block = this.block(item);
        for (const call of block.calls) open[call.id] = call;
        made.push(block);
      }
      return made;
    },
  },
  async mounted() {
    this.pinned = true;
    this.over = false;
    this.feed = feedOf(this.groupId);
    this.leave = this.feed.subscribe((message) => this.hear(message));
    this.feed.watch(this.agentId);
    const at = this.placeAsked();
    if (at) await this.loadAround(at);
    else await this.load(`before=${FAR}&limit=${PAGE}`, "start");
  },
  unmounted() {
    this.gone = true;
    this.leave?.();
    this.feed?.unwatch(this.agentId);
  },
  methods: {
    plain, tone,
    // --- reading ---
    async load(query, where) {
      this.loading = true;
      try {
        const body = await api("GET", `/agents/${encodeURIComponent(this.agentId)}/transcript?${query}`);
        this.merge(body.entries, where);
        this.problem = "";
        return body;
      } catch (error) {
        this.problem = `The thread could not be read: ${error.message} ${error.hint || ""}`;
        return null;
      } finally {
        this.loading = false;
      }
    },
    /** The event that the page's address names in this sub-agent's thread; 0: none. */
    placeAsked() {
      const asked = new URLSearchParams(location.search);
      return asked.get("agent") === this.agentId ? Number(asked.get("at")) || 0 : 0;
    },
    /** Shows the lines around one event, wherever in the thread it is. The lines behind them come when scrolled to. */
    async loadAround(at) {
      this.pinned = false;
      this.ahead = true; // no line that is written now may come in between
      const before = await this.load(`before=${at + 1}&limit=${PAGE / 2}`, "start");
      if (before) await this.loadAhead();
      this.$nextTick(() => this.showPlace(at));
    },
    async loadAhead() {
      if (this.readingAhead) return;
      this.readingAhead = true;
      const last = this.items.length ? this.items[this.items.length - 1].seq : 0;
      const body = await this.load(`after=${last}&limit=${PAGE}`, "ahead");
      if (body) this.ahead = Boolean(body.next);
      this.readingAhead = false;
    },
    showPlace(at) {
      const blocks = [...(this.$refs.scroll?.querySelectorAll("[data-seq]") ?? [])];
      const found = blocks.filter((block) => Number(block.dataset.seq) <= at).at(-1);
      if (!found) return;
      found.classList.add("thread-found");
      found.scrollIntoView({ block: "center" });
    },
    merge(entries, where) {
      const known = new Map(this.items.map((item) => [item.key, item]));
      const count = {};
      for (const entry of entries) {
        count[entry.seq] = (count[entry.seq] || 0) + 1;
        const key = `${entry.seq}:${count[entry.seq]}`;
        if (!known.has(key)) known.set(key, Object.freeze({ ...entry, key }));
      }
      const fresh = known.size > this.items.length;
      const box = this.$refs.scroll;
      const fromEnd = box ? box.scrollHeight - box.scrollTop : 0;
      this.items = [...known.values()].sort((a, b) => a.seq - b.seq);
      if (where === "start") this.older = !this.begins();
      if (where === "end" && this.pinned && this.items.length > MOST) {
        this.items = this.items.slice(-MOST / 2);
        this.older = true;
      }
      if (where === "end" && fresh && !this.pinned) this.unseen = true;
      this.$nextTick(() => {
        if (where === "older" && this.$refs.scroll) this.$refs.scroll.scrollTop = this.$refs.scroll.scrollHeight - fromEnd;
        else this.stick();
      });
    },
    begins() {
      const first = this.items[0];
      return !first || first.role === "system" || first.kind === "task";
    },
    async loadOlder() {
      if (this.readingOlder || !this.items.length) return;
      this.readingOlder = true;
      const before = this.items[0].seq;
      const body = await this.load(`before=${before}&limit=${PAGE}`, "older");
      // A fork's thread begins with its origin's, which only the first page holds.
      if (body && !body.entries.length) await this.load("limit=1", "older");
      this.older = Boolean(body && body.entries.length) && !this.begins();
      this.readingOlder = false;
    },
    async loadNewer() {
      if (this.ahead) return;
      if (this.readingNewer) {
        this.again = true;
        return;
      }
      this.readingNewer = true;
      do {
        this.again = false;
        const last = this.items.length ? this.items[this.items.length - 1].seq : 0;
        const body = await this.load(last ? `after=${last}&limit=200` : `before=${FAR}&limit=${PAGE}`, last ? "end" : "start");
        if (body && body.next && last) this.again = true;
      } while (this.again && !this.gone && !this.problem);
      this.readingNewer = false;
      if (this.over) this.endTurn();
    },
    // --- following ---
    hear(message) {
      if (message.type === "text" && message.agent === this.agentId) this.write(message);
      const whole = message.type === "snapshot";
      if (!whole && message.type !== "batch") return;
      const { tiles, requests } = this.feed.state;
      const moved = whole || message.tiles.includes(this.agentId);
      const asked = !whole && (message.closed.length > 0 || message.opened.some((id) => requests.get(id)?.agent === this.agentId));
      if (moved) {
        this.tile = tiles.get(this.agentId) || null;
        this.loadNewer();
      }
      if (moved || asked) this.$emit("moved");
    },
    write(message) {
      if (message.reset && !message.add && !message.epoch) {
        // The turn is over. Its live words stay until its committed ones are here, so that nothing flickers.
        this.over = true;
        this.loadNewer();
        return;
      }
      if (this.over) this.endTurn();
      const kind = message.kind === "reasoning" ? "reasoning" : message.kind === "text" ? "text" : null;
      if (!kind) return;
      this.live[kind] = message.reset ? message.add : this.live[kind] + message.add;
      this.$nextTick(() => this.stick());
    },
    endTurn() {
      this.over = false;
      this.live.text = "";
      this.live.reasoning = "";
    },
    // --- scrolling ---
    scrolled() {
      const box = this.$refs.scroll;
      this.pinned = box.scrollTop + box.clientHeight >= box.scrollHeight - 48;
      if (this.pinned) this.unseen = false;
      if (box.scrollTop < 160 && this.older) this.loadOlder();
      if (this.pinned && this.ahead) this.loadAhead();
    },
    stick() {
      if (this.pinned && this.$refs.scroll) this.$refs.scroll.scrollTop = this.$refs.scroll.scrollHeight;
    },
    async toEnd() {
      this.pinned = true;
      if (this.ahead) {
        this.ahead = false;
        this.items = [];
        await this.load(`before=${FAR}&limit=${PAGE}`, "start");
      }
      this.unseen = false;
      this.stick();
      this.$refs.scroll.focus();
    },
    // --- showing ---
    block(item) {
      const person = item.by_kind === "person";
      const folded = item.role === "system" ? "Show the system prompt" : "";
      const all = this.unfolded[item.key];
      const long = item.content.length > FOLD && !all;
      return {
        key: item.key,
        seq: item.seq,
        kind: item.kind || (item.unfinished ? "unfinished" : item.role),
        title: item.role === "system" ? "System prompt" : item.role === "assistant" && item.kind !== "late" ? item.by_name || "The driver" : this.titleOf(item),
        tag: item.role === "assistant" ? item.by_kind : "",
        tagClass: person ? "tag-human" : "",
        tone: TONES[item.kind] || (item.role === "system" || item.role === "user" ? "house" : person ? "human" : "agent"),
        step: item.step,
        at: item.at,
        unfinished: item.unfinished,
        mark: item.fate === "failed" ? "◌ Unfinished: the driver failed in this turn." : item.kind === "late" ? "◌ Not part of the thread." : "◌ Unfinished: this turn was interrupted.",
        reasoning: item.reasoning,
        folded,
        raw: item.content,
        attachments: item.attachments,
        parts: segments(long ? item.content.slice(0, FOLD) + "…" : item.content),
        more: long ? item.content.length.toLocaleString() : "",
        calls: item.calls.map((call) => this.callOf(item, call)),
      };
    },
    titleOf(item) {
      const title = TITLES[item.kind] || "Message";
      const who = item.by_name || (item.kind === "task" ? "the group" : "");
      return who ? `${title} · ${["hand_back", "lapse"].includes(item.kind) ? "by " : "from "}${who}` : title;
    },
    callOf(item, call) {
      const status = (this.openCalls || {})[call.id];
      const [icon, words, tone] = OPEN[status] || ["…", "open", "tool"];
      return { key: `${item.key}/${call.id}`, id: call.id, name: call.name, short: short(call.arguments), arguments: pretty(call.arguments), person: item.by_kind === "person", icon, words, tone, fate: "open", result: null, by: "", at: 0 };
    },
    close(call, item) {
      const [icon, words, tone] = FATES[item.fate] || FATES.done;
      const by = item.by_kind === "person" ? item.by_name : "";
      Object.assign(call, { icon, words, tone, fate: item.fate || "done", result: pretty(item.content), by, at: item.at });
    },
    loose(item) {
      const block = this.block({ ...item, role: "user", kind: "result", content: "", calls: [{ id: item.call_id, name: item.name, arguments: "{}" }] });
      this.close(block.calls[0], item);
      return { ...block, title: `Result of ${item.name}` };
    },
    isOpen(call) {
      return this.toggles[call.key] ?? (call.person && !this.compact);
    },
    toggled(call, event) {
      this.toggles[call.key] = event.target.open;
    },
    unfold(key) {
      this.unfolded[key] = true;
    },
    iso: (at) => new Date(at).toISOString(),
    full: (at) => new Date(at).toLocaleString(),
    clock(at) {
      const when = new Date(at);
      const today = when.toDateString() === new Date().toDateString();
      return today ? timeOfDay(at) : `${day(at)} ${timeOfDay(at)}`;
    },
  },
};
