// The inbox: who needs me, what exactly do they ask, what does waiting cost.
import { answerMany, choicesOf } from "/claw/answer_many.js";
import { answered } from "/claw/answered.js";
import { api } from "/claw/api.js";
import { ask, tellSettled } from "/claw/ask.js";
import { buttonsOf } from "/claw/choices.js";
import { claim, claimLine, dropClaim, giveTo, isAnothers, isMine, letGo, release, take, whyNotAnswer } from "/claw/claims.js";
import { answer, isAnswering } from "/claw/deeds.js";
import { feedOf } from "/claw/feed.js";
import { template } from "/claw/inbox_template.js";
import { forget, keep, kept, keptUnder } from "/claw/kept.js";
import { onKey } from "/claw/keys.js";
import { whyNot } from "/claw/me.js";
import { causesOf, sameWords } from "/claw/rank.js";
import { hintWanted, putHintAway, setNotify } from "/claw/notify.js";
import { room } from "/claw/room.js";
import { NARROW, PAGE, selection } from "/claw/selection.js";
import { settledWords } from "/claw/settled.js";
import { say } from "/claw/say.js";
import { SNOOZES, forgetSnoozed, onSnoozed, snooze, wake } from "/claw/snooze.js";
import { span } from "/claw/when.js";
import { REQUEST_KINDS, argumentGist, argumentLines, clock, plain, requestTitle } from "/claw/words.js";

const NAMED = 6; // sub-agents named under a folded cause
const GONE_MS = 700; // an answered item stays so long that one sees it was taken

export default {
  props: { groupId: String },
  components: { answered, claimLine },
  template,
  data: () => ({
    items: [], causes: [], loaded: false, open: null, now: Date.now(), drafts: {}, busy: null, taken: {}, settled: {}, status: "", off: whyNot("AnswerRequest"),
    tab: "open", shown: PAGE, page: PAGE, unfolded: {}, picked: {}, until: {}, closings: 0,
    hint: hintWanted(),
  }),
  computed: {
    /** Everything in the order of its causes, which changes only when something opens or closes. */
    rows() {
      const of = new Map(this.items.map((r) => [r.id, r]));
      const asleep = this.tab === "snoozed";
      const made = [];
      for (const { key, ids } of this.causes) {
        const all = ids.map((id) => of.get(id)).filter((r) => r && Boolean(this.until[r.id]) === asleep);
        const same = all.filter((r) => !this.taken[r.id] && !this.settled[r.id]);
        const folded = same.length > 1;
        if (folded) made.push({ key, all: same });
        for (const r of folded && !this.unfolded[key] ? all.filter((one) => !same.includes(one)) : all) made.push({ key: r.id, r, inside: folded });
      }
      return made;
    },
    asleep() {
      return this.items.filter((r) => this.until[r.id] && !this.settled[r.id]);
    },
    chosen() {
      return this.items.filter((r) => this.picked[r.id] && !this.taken[r.id] && !this.settled[r.id] && Boolean(this.until[r.id]) === (this.tab === "snoozed"));
    },
    live() {
      return this.items.filter((r) => !this.settled[r.id] && !this.until[r.id]).length;
    },
    quiet() {
      return { finished: "The group has finished.", cancelled: "The group was stopped.", paused: "The group is paused.", draft: "The group has not started." }[this.status] ?? "Questions, approvals and trouble show up here.";
    },
  },
  watch: {
    /** What was begun there is put away: others may answer it. */
    open(now, before) {
      if (before) letGo(before);
    },
  },
  beforeUpdate() {
    const item = document.activeElement?.closest?.(".inbox-list > li");
    this.held = item && this.$el.contains(item) ? { item, at: document.activeElement, index: [...item.parentElement.children].indexOf(item) } : null;
  },
  /** An item that moves, or goes, may not take the keyboard with it. */
  updated() {
    const held = this.held;
    if (!held || (document.activeElement && document.activeElement !== document.body)) return;
    const items = this.$el.querySelectorAll(".inbox-list > li");
    const next = held.item.isConnected ? held.item : items[Math.min(held.index, items.length - 1)];
    const target = held.at.isConnected ? held.at : next?.querySelector(".item-name, button");
    target?.focus({ preventScroll: true });
  },
  mounted() {
    this.feed = feedOf(this.groupId);
    const step = (by) => () => this.step(by);
    this.stops = [
      this.feed.subscribe((message) => this.hear(message)),
      room.on("select", (id) => this.follow(id)),
      room.on("settled", (request) => this.settle(request)),
      onKey("j", "Next that needs you", step(1)),
      onKey("k", "The one before", step(-1)),
      onKey("a", "Approve, accept or answer", () => this.byKey(["approve", "accept", "run_again", "raise", "retry", "resume", "answer"])),
      onSnoozed((until) => (this.until = until)),
      onKey("x", "Select it, for one answer to many", () => this.withOpen((all) => this.pick(all))),
      onKey("z", "Snooze it", () => this.withOpen((all) => this.sleep(all))),
      onKey("c", "Claim it, take it, or let it go", () => this.off || this.withOpen((all) => this.claimKey(all))),
      onKey("d", "Deny or send back", () => this.byKey(["deny", "reject", "leave", "fail"])),
    ];
    this.timer = setInterval(() => (this.now = this.feed.now()), 1000);
    if (this.feed.state.group) this.read();
  },
  unmounted() {
    for (const stop of this.stops) stop();
    clearInterval(this.timer);
  },
  methods: {
    ...selection,
    clock, choicesOf, giveTo, sameWords, wake,
    no: whyNotAnswer,
    harmful: (choice) => ["deny", "reject", "fail"].includes(choice.id),
    sameTitle: (r) => (r.kind === "question" ? r.detail || r.title : requestTitle(r)),
    names(all) {
      const names = [...new Set(all.map((r) => plain(r.agent_name)))];
      const others = all.filter(isAnothers).length;
      const text = names.length > NAMED ? `${names.slice(0, NAMED).join(", ")} and ${names.length - NAMED} more` : names.join(", ");
      return others ? `${text} · other people have ${others}` : text;
    },
    wakes(r) {
      const until = this.until[r.id];
      return until === "back" ? "Wakes when you come back." : `Wakes in ${span(Math.max(0, until - Date.now()))}.`;
    },
    kind: (r) => REQUEST_KINDS[r.kind] ?? { label: r.kind, tag: "", weight: 1 },
    title: (r) => (r.kind === "question" ? r.detail || r.title : requestTitle(r)),
    waiting(r) {
      const others = r.blocked - 1;
      return others > 0 ? `${others} other${others === 1 ? "" : "s"} wait${others === 1 ? "s" : ""} on this.` : "";
    },
    code(r) {
      if (!r.tool || ["question", "budget", "task", "stall"].includes(r.kind)) return "";
      return r.id === this.open ? `${r.tool}\n${argumentLines(r.arguments)}` : argumentGist(r.arguments);
    },
    hear(message) {
      if (message.type === "snapshot") {
        const { requests } = this.feed.state;
        for (const r of this.items) if (!requests.has(r.id) && !isAnswering(r.id)) this.settle(r);
        this.read();
      }
      else if (message.type === "batch") {
        for (const r of this.items) if (message.closed.includes(r.id) && !isAnswering(r.id)) this.settle(r);
        message.closed.forEach(dropClaim);
        if (message.closed.length) this.closings += 1;
        if (message.opened.length || message.closed.length) return this.read();
        for (const id of message.changed) if (isAnothers(this.feed.state.requests.get(id) ?? {})) dropClaim(id);
        if (message.changed.length) this.items = this.items.map((r) => this.feed.state.requests.get(r.id) ?? r); // nothing moves
        if (message.group) this.status = this.feed.state.group.status;
      }
    },
    read() {
      const { group, requests } = this.feed.state;
      const before = this.items.findIndex((r) => r.id === this.open);
      const leaving = this.items.filter((r) => (this.taken[r.id] || this.settled[r.id] || this.busy === r.id) && !requests.has(r.id));
      const ranked = causesOf([...requests.values(), ...leaving], this.feed.now());
      this.causes = ranked.map(({ key, all }) => ({ key, ids: all.map((r) => r.id) }));
      this.items = ranked.flatMap(({ all }) => all);
      this.picked = Object.fromEntries(Object.keys(this.picked).filter((id) => requests.has(id)).map((id) => [id, true]));
      forgetSnoozed(this.groupId, requests);
      for (const r of requests.values()) this.drafts[r.id] ??= kept(`answer:${r.id}`);
      if (!this.recalled) this.recall();
      this.loaded = true;
      this.status = group.status;
      this.now = this.feed.now();
      this.keepOpen();
      if (before < 0 && this.open === null && room.selected) this.follow(room.selected);
    },
    /** Somebody else settled it. One that is being looked at or answered stays, and says by whom; no word is lost. */
    async settle(r) {
      if (this.taken[r.id] || this.settled[r.id]) return;
      dropClaim(r.id);
      const words = settledWords(r, this.drafts[r.id]);
      words.then((found) => found && tellSettled(r.id, found));
      if (r.id !== this.open && !(this.drafts[r.id] ?? "").trim()) return;
      this.settled = { ...this.settled, [r.id]: { words: "Settled meanwhile…" } };
      if (!this.items.some((one) => one.id === r.id)) {
        this.items = [...this.items, r];
        this.causes = [...this.causes, { key: r.id, ids: [r.id] }];
      }
      const found = await words;
      if (!found) return this.putAway(r); // they were sent, and the page left before it heard of it
      if (this.settled[r.id]) this.settled[r.id].words = found;
    },
    /** Words for requests that were settled while this page was away: they are shown as if it had been here. */
    async recall() {
      const ids = new Set(keptUnder(`answer:${this.groupId}-`).map((rest) => `${this.groupId}-${rest}`));
      for (const id of this.feed.state.requests.keys()) ids.delete(id);
      this.recalled = true;
      if (!ids.size) return;
      let closed;
      try {
        closed = (await api("GET", `/requests?group=${encodeURIComponent(this.groupId)}&state=closed`)).requests;
      } catch {
        this.recalled = false; // the server is away, which is told elsewhere: asked again when it is back
        return;
      }
      for (const r of closed.filter((one) => ids.has(one.id))) {
        this.drafts[r.id] = kept(`answer:${r.id}`);
        this.settle(r);
      }
    },
    putAway(r) {
      const { [r.id]: _, ...rest } = this.settled;
      this.settled = rest;
      delete this.drafts[r.id];
      forget(`answer:${r.id}`);
      this.read();
    },
    keepDraft(r) {
      keep(`answer:${r.id}`, this.drafts[r.id]);
      this.begin(r);
    },
    choose(r) {
      this.open = r.id;
      if (!matchMedia(NARROW).matches) room.select(r.agent);
    },
    chooseSame(row) {
      this.lead(row.key);
    },
    /** The focus goes to the first of those that came. */
    more() {
      const at = this.shown;
      this.shown += PAGE;
      this.$nextTick(() => this.$el.querySelectorAll(".inbox-list > li")[at]?.querySelector(".item-name")?.focus());
    },
    async wantNotify() {
      const state = await setNotify(true);
      this.noHint();
      if (state !== "on") say({ sentence: "The browser does not allow it.", hint: "It can be changed in the browser's own settings for this page." });
    },
    noHint() {
      putHintAway();
      this.hint = false;
    },
    turn(tab) {
      Object.assign(this, { tab, shown: PAGE, open: null, picked: {} });
      if (tab === "open") this.follow(room.selected);
    },
    fold(row) {
      this.unfolded = { ...this.unfolded, [row.key]: !this.unfolded[row.key] };
      this.lead(row.key);
    },
    /** What the keys mean: the open item, or all of a folded cause. */
    withOpen(act) {
      const row = this.tab === "answered" ? null : this.rows.find((one) => one.key === this.open);
      const all = row?.all ?? (row && !this.taken[row.r.id] && !this.settled[row.r.id] ? [row.r] : []);
      return all.length ? act(all) : undefined;
    },
    allPicked(all) {
      return all.every((r) => this.picked[r.id]);
    },
    pick(all) {
      const off = this.allPicked(all);
      const rest = Object.fromEntries(Object.entries(this.picked).filter(([id]) => !all.some((r) => r.id === id)));
      this.picked = off ? rest : { ...rest, ...Object.fromEntries(all.map((r) => [r.id, true])) };
    },
    async many(all, choice) {
      const done = await answerMany(all, choice);
      if (done) this.picked = {};
    },
    async sleep(all) {
      const given = await ask({
        title: all.length > 1 ? `Snooze these ${all.length}?` : `Snooze ${all[0].agent_name}?`,
        text: "It stays open for everybody else, and comes back here by itself.",
        fields: [{ name: "until", label: "For how long", type: "choice", options: SNOOZES }],
        act: "Snooze",
      });
      if (!given) return;
      this.picked = {};
      this.open = null;
      snooze(all.map((r) => r.id), given.until);
    },
    async claimKey(all) {
      const act = all.every(isMine) ? release : take;
      for (const r of all) await act(r);
    },
    begin(r) {
      if (!isAnothers(r)) claim(r);
    },
    byKey(wanted) {
      if (this.off || this.busy || this.tab === "answered") return;
      const row = this.rows.find((one) => one.key === this.open);
      if (!row) return this.sayNone();
      if (!this.inSight(row.key)) return this.toSight(row.key);
      if (row.all) {
        const choice = choicesOf(row.all).find((one) => wanted.includes(one.id));
        return choice && (choice.off ? say({ sentence: choice.off }) : this.many(row.all, choice));
      }
      const r = this.items.find((one) => one.id === this.open);
      if (r && isAnothers(r)) return say({ sentence: whyNotAnswer(r), hint: "Press C to take it." });
      const button = r && !this.taken[r.id] && !this.settled[r.id] && this.buttons(r).find((b) => wanted.includes(b.choice.id) && b.given.scope !== "tool" && b.given.scope !== "group");
      const why = button && whyNotAnswer(r, button.choice.id);
      if (button) return why ? say({ sentence: why }) : this.act(r, button);
      const box = r && this.$el.querySelector(`#answer-${CSS.escape(r.id)}`);
      if (box && wanted.includes("answer")) box.focus();
    },
    buttons(r) {
      return buttonsOf(r, r.id === this.open);
    },
    async act(r, button) {
      if (button.choice.id === "answer") {
        this.choose(r);
        return this.$nextTick(() => this.$el.querySelector(`#answer-${CSS.escape(r.id)}`)?.focus());
      }
      await this.give(r, button.choice, button.given);
    },
    send(r) {
      const text = (this.drafts[r.id] ?? "").trim();
      const choice = r.choices.find((one) => one.id === "answer");
      if (text && choice) return this.give(r, choice, { text });
    },
    async give(r, choice, given) {
      this.busy = r.id;
      const at = this.rows.findIndex((row) => row.key === r.id);
      const done = await answer(r, choice, given);
      this.busy = null;
      if (!done) return this.read();
      delete this.drafts[r.id];
      forget(`answer:${r.id}`);
      this.taken = { ...this.taken, [r.id]: `✓ ${choice.label}` };
      setTimeout(() => {
        const { [r.id]: _, ...rest } = this.taken;
        this.taken = rest;
        const had = this.open === r.id;
        this.read();
        if (had) this.onward(r, at);
      }, GONE_MS);
    },
  },
};
