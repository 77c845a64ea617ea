// One sub-agent in detail: who drives since when, what it does now, what it did, and the wheel.
import { api } from "/claw/api.js";
import { buttonsOf } from "/claw/choices.js";
import { claimLine, whyNotAnswer } from "/claw/claims.js";
import * as deeds from "/claw/deeds.js";
import { others } from "/claw/faces.js";
import { feedOf } from "/claw/feed.js";
import { forget, keep, kept } from "/claw/kept.js";
import { onKey } from "/claw/keys.js";
import { whyNot } from "/claw/me.js";
import { ME, room } from "/claw/room.js";
import { resultOf, stepsOf } from "/claw/steps.js";
import { sayError } from "/claw/say.js";
import { LOOKS, REQUEST_KINDS, argumentLines, bytes, clock, lookOf, plain, requestTitle, money, short, stateWords, time } from "/claw/words.js";
import { when } from "/claw/when.js";
import { TEMPLATE } from "/claw/drawer_template.js";

const SETTLE_MS = 250;
const LAST_STEPS = 14;
const FAR = "9007199254740991"; // later than any event, and the largest number that JavaScript counts right
const TABS = [["live", "Live"], ["thread", "Thread"], ["files", "Files"], ["about", "Task"]];
const ENDED = new Set(["done", "failed", "cancelled"]);

export default {
  props: { groupId: String },
  components: { claimLine },
  template: TEMPLATE,
  data: () => ({
    id: null, tile: null, look: "gen", requests: [], detail: null, steps: [], result: "", files: null, problem: "", tab: "live",
    there: others([]), live: { text: "", reasoning: "" }, rate: 0, now: Date.now(), message: "", sending: false, tabs: TABS,
  }),
  computed: {
    state() {
      return this.tile ? stateWords(this.tile, this.look) : "";
    },
    ended() {
      return ENDED.has(this.tile.state);
    },
    parent() {
      return this.tile?.parent ? this.feed.state.tiles.get(this.tile.parent) : null;
    },
    memberName() {
      return this.detail.members.find((member) => member.id === this.tile.member)?.name ?? this.tile.member;
    },
    diff() {
      return (this.files?.diff ?? "").split("\n").map((text) => ({
        text, kind: /^(\+\+\+|---|diff |index )/.test(text) ? "head" : { "+": "add", "-": "cut", "@": "at" }[text[0]] ?? "",
      }));
    },
    changed() {
      return (this.files?.files ?? []).filter((file) => file.status !== "same");
    },
    held() {
      return this.tile.driver?.kind === "person";
    },
    mine() {
      return this.held && this.tile.driver.id === ME;
    },
    composerNote() {
      if (whyNot("SteerAgent")) return whyNot("SteerAgent");
      if (this.ended) return `${plain(this.tile.name)} has ended; your words were not sent.`;
      if (this.held) return `${plain(this.tile.driver.name)} drives now; your words were not sent.`;
      const queued = this.detail?.steers.length;
      return queued ? `${queued} queued` : "It is read at the next step; nothing is interrupted.";
    },
    silence() {
      if (this.held) return this.mine ? "You are at the wheel." : "A person is at the wheel.";
      if (this.look === "gen") return "No words yet.";
      return this.look === "tool" ? `${plain(this.tile.tool)} runs; its words come when it is done.` : "Nothing under way.";
    },
  },
  watch: {
    message(words) {
      if (this.id) keep(this.draft(this.id), words);
    },
  },
  mounted() {
    this.feed = feedOf(this.groupId);
    const withTile = (act) => () => this.tile && act(this.tile);
    this.stops = [
      this.feed.subscribe((message) => this.hear(message)),
      room.on("select", (id) => this.open(id)),
      room.on("enter", () => this.$nextTick(() => this.$refs.title?.focus())),
      onKey("t", "Take over the selected sub-agent", withTile((tile) => this.ended || whyNot("TakeOver") || deeds.takeOver(tile))),
      onKey("h", "Hand it back", withTile((tile) => whyNot("HandBack") || deeds.handBack(tile))),
      onKey("p", "Pause or resume it", withTile((tile) => this.ended || whyNot("PauseAgent") || deeds.pauseOrResume(tile))),
      onKey("s", "Steer it", withTile(() => this.ended || this.$refs.steer?.focus())),
      onKey("Escape", "Close the drawer", () => this.close()),
    ];
    this.timer = setInterval(() => this.tick(), 500);
    if (room.selected) this.open(room.selected);
    if (room.selected && new URLSearchParams(location.search).has("at")) this.$nextTick(() => this.pick("thread")); // a place in it
  },
  unmounted() {
    for (const stop of this.stops) stop();
    clearInterval(this.timer);
    clearTimeout(this.settling);
    if (this.id) this.feed.unwatch(this.id);
    this.feed.look("");
  },
  methods: {
    argumentLines, requestTitle, bytes, clock, money, plain, short, time, when, buttonsOf,
    kind: (r) => REQUEST_KINDS[r.kind] ?? { label: r.kind, tag: "" },
    color: (look) => `var(${LOOKS[look]?.color ?? "--dim"})`,
    off: whyNot,
    noAnswer: whyNotAnswer,
    draft: (id) => `${id}:steer:message`,
    open(id) {
      if (id === this.id) return;
      clearTimeout(this.settling);
      if (this.id) this.feed.unwatch(this.id);
      Object.assign(this, {
        id, tile: null, detail: null, steps: [], result: "", files: null, problem: "", live: { text: "", reasoning: "" }, requests: [],
        message: id ? kept(this.draft(id)) : "",
      });
      if (this.tab === "thread") this.$emit("thread", id ?? "");
      this.feed.look(id);
      if (!id) return;
      this.feed.watch(id);
      this.read();
      this.load();
      if (this.tab === "files") this.loadFiles();
    },
    close() {
      const was = this.id;
      room.select(null);
      if (was) document.querySelector(`.tile[data-id="${CSS.escape(was)}"]`)?.focus({ preventScroll: true });
    },
    hear(message) {
      if (!this.id) return;
      if (message.type === "text" && message.agent === this.id) this.speak();
      else if (message.type === "snapshot") this.read(), this.load();
      else if (message.type === "batch") {
        const mine = message.tiles.includes(this.id);
        if (mine || message.people || message.opened.length || message.closed.length) this.read();
        if (mine) this.settle();
      }
    },
    read() {
      const { tiles, requests } = this.feed.state;
      this.tile = tiles.get(this.id) ?? null;
      this.requests = [...requests.values()].filter((r) => r.agent === this.id);
      this.there = others(this.feed.state.people, this.id);
      if (this.tile) this.look = lookOf(this.tile, this.requests.length > 0);
      this.tick();
    },
    tick() {
      if (!this.id) return;
      this.now = this.feed.now();
      const rate = this.feed.state.rates.get(this.id)?.rate ?? 0;
      this.rate = rate > 0.5 ? rate : 0;
    },
    speak() {
      const box = this.$refs.live;
      const atEnd = !box || box.scrollHeight - box.scrollTop - box.clientHeight < 40;
      this.live = { ...this.feed.textOf(this.id) };
      if (atEnd) this.$nextTick(() => this.$refs.live && (this.$refs.live.scrollTop = this.$refs.live.scrollHeight));
    },
    settle() {
      clearTimeout(this.settling);
      this.settling = setTimeout(() => this.load(), SETTLE_MS);
    },
    async load() {
      const id = this.id;
      if (!id) return;
      if (this.loading) return (this.again = true);
      this.loading = true;
      try {
        const [detail, page] = await Promise.all([
          api("GET", `/agents/${id}`),
          api("GET", `/agents/${id}/transcript?before=${FAR}&limit=${LAST_STEPS}`),
        ]);
        if (id === this.id) Object.assign(this, { detail, steps: stepsOf(page.entries), result: resultOf(page.entries), problem: "" });
      } catch (error) {
        if (id === this.id) this.problem = `${error.message} ${error.hint ?? ""}`;
      } finally {
        this.loading = false;
        if (this.again || id !== this.id) {
          this.again = false;
          if (this.id) this.settle();
        }
      }
    },
    async loadFiles() {
      const id = this.id;
      try {
        const files = await api("GET", `/agents/${id}/files`);
        if (id === this.id) this.files = files;
      } catch (error) {
        sayError(error);
        if (id === this.id) this.files = { files: [], diff: "" };
      }
    },
    pick(tab) {
      this.tab = tab;
      this.$emit("thread", tab === "thread" ? this.id : "");
      if (tab === "files") this.loadFiles();
    },
    tabKey(event) {
      const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!by) return;
      const at = TABS.findIndex(([key]) => key === this.tab);
      this.pick(TABS[(at + by + TABS.length) % TABS.length][0]);
      this.$nextTick(() => this.$el.querySelector('[role="tab"][aria-selected="true"]').focus());
    },
    go: (id) => room.select(id),
    deed(what) {
      return deeds[what](this.tile);
    },
    async fork() {
      const made = await deeds.fork(this.tile);
      if (made) room.select(made.id);
    },
    answer(request, button) {
      return deeds.answer(request, button.choice, button.given);
    },
    async send() {
      const text = this.message.trim();
      if (!text || this.sending) return;
      const id = this.id;
      this.sending = true;
      if (await deeds.steer(this.tile, text)) {
        forget(this.draft(id));
        if (id === this.id) this.message = "";
      }
      this.sending = false;
      this.load();
    },
  },
};
