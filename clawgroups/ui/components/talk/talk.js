// The room: what was said, to whom, and whether they have read it; words to the conductor or to named sub-agents.
import { api } from "/claw/api.js";
import { Attached } from "/claw/attached.js";
import { feedOf } from "/claw/feed.js";
import { forget, keep, kept } from "/claw/kept.js";
import { whyNot } from "/claw/me.js";
import { addressed, offered, peopleOf } from "/claw/mentions.js";
import { Picked } from "/claw/picked.js";
import { room } from "/claw/room.js";
import { say } from "/claw/say.js";
import { isResult, rowsOf } from "/claw/talk_rows.js";
import { TEMPLATE } from "/claw/talk_template.js";
import { when, whole } from "/claw/when.js";
import { plural } from "/claw/words.js";

const PAGE = 50;
const CLOCK_MS = 10000;
const NEAR = 80; // px from the end at which one reads along
const FILLS = 8; // pages read so that a room with many folded results is not nearly empty
const FACE = { rules: "§", hand_back: "✎", reassign: "⇄", finished: "✓", failed: "×" };
const DID = { rules: "changed the standing rules", hand_back: "handed back", reassign: "reassigned", finished: "finished", failed: "failed" };

export default {
  props: { groupId: String },
  components: { Attached, Picked },
  template: TEMPLATE,
  data: () => ({
    phase: "loading", problem: "", messages: [], more: false, earlier: false, only: "", picked: "", rules: "", stale: false, now: Date.now(), opened: new Set(), each: new Set(),
    text: "", files: { ready: [], under: false }, dropping: false, busy: false, offers: null, at: 0, below: 0, people: [], editing: false, draft: "", base: "", saving: false, unsaved: "", unsent: "", tellAll: true, status: "",
  }),
  computed: {
    id() {
      return `talk-${this.groupId}`;
    },
    rows() {
      return rowsOf(this.messages, this.each);
    },
    ready() {
      return !this.off && !this.busy && !this.files.under && Boolean(this.text.trim() || this.files.ready.length);
    },
    off() {
      return whyNot("PostMessage");
    },
    noRules() {
      return whyNot("ChangeRules");
    },
    whom() {
      return addressed(this.text, this.people);
    },
    route() {
      if (this.off) return "";
      const { to, unknown } = this.whom;
      const odd = unknown.length && !this.offers ? ` Nobody under way is called ${unknown.join(", ")}.` : "";
      const names = to.map((id) => this.people.find((one) => one.id === id).name);
      if (names.length) return `Goes to ${names.join(", ")}.${odd}`;
      if (this.only && this.people.some((one) => one.id === this.only)) return `Goes to ${this.nameOf(this.only)}.${odd}`;
      return (this.hasConductor ? "Goes to the conductor." : "The conductor has ended: people read it, no member does.") + odd;
    },
    hasConductor() {
      return this.people.some((one) => one.name === "conductor") || this.people.some((one) => one.id === this.root);
    },
  },
  mounted() {
    this.round = 0;
    this.feed = feedOf(this.groupId);
    this.text = kept(`room:${this.groupId}`);
    this.stops = [
      this.feed.subscribe((message) => this.hear(message)),
      room.on("select", (id) => (this.picked = id ?? "")),
    ];
    this.picked = room.selected ?? "";
    this.clock = setInterval(() => (this.now = Date.now()), CLOCK_MS);
    if (this.feed.state.group) this.follow();
    this.read();
  },
  unmounted() {
    for (const stop of this.stops) stop();
    clearInterval(this.clock);
  },
  methods: {
    when, whole, plural,
    nameOf(id) {
      return this.feed?.state.tiles.get(id)?.name ?? id;
    },
    faceOf: (m) => FACE[m.kind] ?? [...m.by_name].slice(0, 1).join("").toUpperCase(),
    iso: (at) => new Date(at).toISOString(),
    didOf: (m) => (DID[m.kind] ?? "") + (["finished", "failed"].includes(m.kind) && m.text ? ":" : ""),
    failedOf: (bunch) => bunch.filter((m) => m.kind === "failed").length,
    labelOf: (m) => `${m.by_name}, ${whole(m.at)}`,
    /** A sub-agent's result shows its first lines; a conductor's stands in full. */
    isLong: (m) => !m.conducts && (m.text.length > (isResult(m) ? 260 : 900) || m.text.split("\n").length > (isResult(m) ? 3 : 14)),
    /** Its words; the first lines of a result without the empty ones between. */
    shown(m) {
      const open = !this.isLong(m) || this.opened.has(m.seq);
      return open ? m.text + (m.cut ? "…" : "") : isResult(m) ? m.text.replace(/\n\s*\n/g, "\n") : m.text;
    },
    waiting: (m) => m.to.some((one) => !one.delivered_at),
    readOf(m) {
      const open = m.to.filter((one) => !one.delivered_at).length;
      if (!open) return "read";
      return m.to.length === 1 ? "waits for its next step" : `${open} of ${m.to.length} have yet to read it`;
    },
    fold(m) {
      const opened = new Set(this.opened);
      if (!opened.delete(m.seq)) opened.add(m.seq);
      this.opened = opened;
    },
    showEach({ bunch, open }) {
      const each = new Set(this.each);
      for (const { seq } of bunch) open ? each.delete(seq) : each.add(seq);
      this.each = each;
    },
    pick: (id) => room.select(id),

    // --- reading ----------------------------------------------------------------------------------------
    hear(message) {
      if (message.type === "connection") this.stale = message.phase === "reconnecting";
      if (message.type === "snapshot") this.follow(), this.refresh();
      if (message.type !== "batch") return;
      if (message.group || message.tiles.length) this.follow();
      if (message.room || this.delivers(message)) this.refresh();
    },
    /** Whether somebody may have read words that were waiting. */
    delivers(message) {
      const open = new Set(this.messages.filter(this.waiting).flatMap((m) => m.to.filter((one) => !one.delivered_at).map((one) => one.agent)));
      return open.size > 0 && message.tiles.some((id) => open.has(id));
    },
    follow() {
      const { group, tiles } = this.feed.state;
      this.rules = group.rules;
      this.root = group.root;
      this.people = peopleOf(tiles.values(), group.root);
      if (!this.followed && kept(`rules:${this.groupId}`) && !this.noRules) this.edit(false); // words from before a reload
      this.followed = true;
    },
    path(query) {
      const only = this.only ? `&agent=${encodeURIComponent(this.only)}` : "";
      return `/groups/${encodeURIComponent(this.groupId)}/room?limit=${PAGE}${only}${query}`;
    },
    async read() {
      const round = (this.round += 1); // what was asked for before this comes too late
      this.earlier = false;
      try {
        const { messages, more } = await api("GET", this.path(""));
        if (round !== this.round) return;
        Object.assign(this, { messages, more, phase: "live", below: 0 });
        this.toEnd();
        this.fill(FILLS);
      } catch (error) {
        if (round === this.round) Object.assign(this, { phase: "failed", problem: `${error.message} ${error.hint}`.trim() });
      }
    },
    /** The newest page again, put over what is here: new ones, and who has read the old ones. One at a time. */
    async refresh() {
      if (this.phase !== "live") return this.phase === "failed" && this.read();
      if (this.refreshing) return (this.again = true);
      this.refreshing = true;
      const only = this.only;
      try {
        const { messages } = await api("GET", this.path(""));
        if (only === this.only) this.put(messages);
      } catch (error) {
        if (error.code !== "unreachable") say({ sentence: error.message, hint: error.hint, kind: "bad" }); // else the page reconnects, and reads again
      }
      this.refreshing = false;
      if (this.again) this.again = false, this.refresh();
    },
    put(page) {
      const last = this.messages.at(-1)?.seq ?? 0;
      const fresh = page.filter((m) => m.seq > last).length;
      if (page.length && fresh === page.length && this.messages.length) return this.read(); // more than a page was missed
      const along = this.near();
      const bySeq = new Map([...this.messages, ...page].map((m) => [m.seq, m]));
      this.messages = [...bySeq.values()].sort((a, b) => a.seq - b.seq);
      if (along) this.toEnd();
      else this.below += fresh;
    },
    async readEarlier() {
      const { round } = this;
      this.earlier = true;
      const { list } = this.$refs;
      const from = list.scrollHeight - list.scrollTop;
      try {
        const { messages, more } = await api("GET", this.path(`&before=${this.messages[0].seq}`));
        if (round !== this.round) return; // something else is shown by now
        Object.assign(this, { messages: [...messages, ...this.messages], more });
        this.$nextTick(() => (list.scrollTop = list.scrollHeight - from));
      } catch (error) {
        if (round !== this.round) return;
        say({ sentence: error.message, hint: error.hint, kind: "bad" });
      }
      this.earlier = false;
    },
    /** Reads earlier pages while what is here does not fill the room. */
    async fill(pages) {
      await this.$nextTick();
      const { list } = this.$refs;
      if (!pages || !this.more || this.earlier || !list || list.scrollHeight > list.clientHeight) return;
      await this.readEarlier();
      this.fill(pages - 1);
    },
    narrow(only) {
      if (only === this.only) return;
      Object.assign(this, { only, phase: "loading", messages: [], more: false });
      this.read();
    },
    near() {
      const { list } = this.$refs;
      return list.scrollHeight - list.scrollTop - list.clientHeight < NEAR;
    },
    scrolled() {
      this.along = this.near();
      if (this.below && this.near()) this.below = 0;
    },
    /** An image has come and pushed the end away: whoever reads along stays there. */
    grew() {
      if (this.along) this.toEnd();
    },
    toEnd() {
      this.below = 0;
      this.along = true;
      this.$nextTick(() => this.$refs.list && (this.$refs.list.scrollTop = this.$refs.list.scrollHeight));
    },

    // --- writing ----------------------------------------------------------------------------------------
    typed() {
      this.unsent = "";
      keep(`room:${this.groupId}`, this.text);
      this.look();
    },
    look() {
      const offers = offered(this.text, this.$refs.words.selectionStart, this.people);
      this.offers = offers?.people.length ? offers : null;
      this.at = 0;
    },
    later() {
      this.offers = null;
    },
    keys(event) {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) return event.preventDefault(), this.send();
      if (!this.offers) return;
      const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      if (step) this.at = (this.at + step + this.offers.people.length) % this.offers.people.length;
      else if (["Enter", "Tab"].includes(event.key)) this.take(this.offers.people[this.at]);
      else if (event.key === "Escape") this.offers = null;
      else return;
      event.preventDefault();
    },
    take(person) {
      const { from } = this.offers;
      const cursor = this.$refs.words.selectionStart;
      this.text = `${this.text.slice(0, from)}@${person.name} ${this.text.slice(cursor)}`;
      this.offers = null;
      keep(`room:${this.groupId}`, this.text);
      const to = from + person.name.length + 2;
      this.$nextTick(() => this.$refs.words.setSelectionRange(to, to));
    },
    // Files: what is dropped anywhere on the room, or pasted into the words, goes along with them.
    carries: (event) => [...(event.dataTransfer?.types ?? [])].includes("Files"),
    dragged(event) {
      if (this.off || !this.carries(event)) return;
      event.preventDefault();
      this.dropping = true;
    },
    left(event) {
      if (!event.currentTarget.contains(event.relatedTarget)) this.dropping = false;
    },
    dropped(event) {
      this.dropping = false;
      if (this.off || !this.carries(event)) return;
      event.preventDefault();
      this.$refs.picked.take(event.dataTransfer);
    },
    pasted(event) {
      if (this.off || !event.clipboardData.files.length || event.clipboardData.types.includes("text/plain")) return;
      event.preventDefault();
      this.$refs.picked.take(event.clipboardData);
    },
    async send() {
      const text = this.text.trim();
      const attachments = this.files.ready;
      if (!this.ready) return;
      this.busy = true;
      this.unsent = "";
      const { to } = this.whom;
      const thread = this.only && this.people.some((one) => one.id === this.only) ? [this.only] : [];
      try {
        await api("POST", `/groups/${encodeURIComponent(this.groupId)}/messages`, { text, to: to.length ? to : thread, attachments });
        this.$refs.picked.clear(attachments);
        if (this.text.trim() === text) {
          this.text = "";
          forget(`room:${this.groupId}`);
        }
        this.toEnd();
        this.refresh();
      } catch (error) {
        this.unsent = `Not sent. ${error.message} ${error.hint}`.trim();
      }
      this.busy = false;
    },

    // --- rules ------------------------------------------------------------------------------------------
    edit(focus = true) {
      const words = kept(`rules:${this.groupId}`);
      const { base, draft } = words ? JSON.parse(words) : { base: this.rules, draft: this.rules };
      Object.assign(this, { editing: true, base, draft });
      if (focus) this.$nextTick(() => this.$refs.rules?.focus());
    },
    keepRules() {
      const { base, draft } = this; // kept with what was begun from: else nobody sees, later, that it has changed
      keep(`rules:${this.groupId}`, draft === base ? "" : JSON.stringify({ base, draft }));
    },
    stopEditing() {
      this.editing = false;
      forget(`rules:${this.groupId}`);
    },
    async saveRules() {
      const { draft: sent, rules: was } = this;
      this.saving = true;
      this.unsaved = "";
      try {
        await api("PUT", `/groups/${encodeURIComponent(this.groupId)}/rules`, { rules: sent, was, tell_all: this.tellAll });
        if (this.rules === was) this.rules = sent; // else the feed was faster
        this.base = sent;
        if (this.draft === sent) this.stopEditing();
        else this.keepRules(); // more was written meanwhile
        this.refresh();
      } catch (error) {
        this.unsaved = `Not saved. ${error.message} ${error.hint}`.trim();
      }
      this.saving = false;
    },
  },
};
