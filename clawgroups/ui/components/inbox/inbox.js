// The inbox: who needs me, what exactly do they ask, what does waiting cost.
import { api } from "/claw/api.js";
import { tellSettled } from "/claw/ask.js";
import { buttonsOf } from "/claw/choices.js";
import { answer, isAnswering } from "/claw/deeds.js";
import { feedOf } from "/claw/feed.js";
import { forget, keep, kept, keptUnder } from "/claw/kept.js";
import { onKey } from "/claw/keys.js";
import { room } from "/claw/room.js";
import { settledWords } from "/claw/settled.js";
import { REQUEST_KINDS, argumentGist, argumentLines, clock, requestTitle } from "/claw/words.js";

const NARROW = "(max-width: 700px)"; // where the drawer would cover the inbox
const GONE_MS = 700; // an answered item stays so long that one sees it was taken

export default {
  props: { groupId: String },
  template: `
    <section class="inbox" aria-label="Needs you">
      <header class="pane-head"><h2>Needs you</h2>
        <span class="count" :class="{ 'count-none': !live }" aria-live="polite" :aria-label="live + ' open'">{{ live }}</span>
        <span class="pane-note" v-if="live > 1">by cost of waiting</span></header>
      <div v-if="!loaded" class="inbox-loading" aria-busy="true"><div v-for="n in 3" :key="n" class="skeleton"></div></div>
      <div v-else-if="!items.length" class="inbox-none"><span class="inbox-none-mark" aria-hidden="true">✓</span>
        <strong>Nothing waits for you.</strong><span>{{ quiet }}</span></div>
      <ol v-else class="inbox-list">
        <li v-for="r in items" :key="r.id" class="item" :class="{ 'item-open': r.id === open, 'item-taken': taken[r.id], 'item-settled': settled[r.id] }"
            :data-request="r.id" @click="choose(r)">
          <div class="item-head">
            <button type="button" class="item-name" :aria-expanded="String(r.id === open)" :aria-label="r.agent_name + ': ' + kind(r).label">{{ r.agent_name }}</button>
            <span class="tag" :class="kind(r).tag">{{ kind(r).label }}</span>
            <time class="num" :title="new Date(r.opened_at).toLocaleString()">{{ clock((now - r.opened_at) / 1000) }}</time></div>
          <p class="item-title">{{ title(r) }}</p>
          <pre v-if="code(r)" class="code item-code" :class="{ 'item-code-cut': r.id !== open }" :tabindex="r.id === open ? 0 : -1"
               :aria-label="'Arguments of ' + r.tool">{{ code(r) }}</pre>
          <p v-if="r.id === open && r.detail && r.kind !== 'question'" class="item-detail">{{ r.detail }}</p>
          <p v-if="waiting(r)" class="item-blocked">{{ waiting(r) }}</p>
          <div v-if="taken[r.id]" class="item-done">{{ taken[r.id] }}</div>
          <div v-else-if="settled[r.id]" class="item-answer" @click.stop>
            <p class="item-by" role="status">{{ settled[r.id].words }}</p>
            <template v-if="drafts[r.id]"><label :for="'answer-' + r.id">Your words were not sent. They stay here until you put them away.</label>
              <textarea :id="'answer-' + r.id" class="input" rows="2" readonly :value="drafts[r.id]"></textarea></template>
            <button type="button" class="btn btn-small" @click="putAway(r)">Put away</button>
          </div>
          <template v-else>
            <form v-if="r.id === open && r.kind === 'question'" class="item-answer" @submit.prevent="send(r)" @click.stop>
              <label class="sr" :for="'answer-' + r.id">Your answer to {{ r.agent_name }}</label>
              <textarea :id="'answer-' + r.id" class="input" rows="2" v-model="drafts[r.id]" placeholder="Your answer…" @input="keepDraft(r)"
                        @keydown.ctrl.enter.prevent="send(r)" @keydown.meta.enter.prevent="send(r)"></textarea>
              <button class="btn btn-small btn-primary" :disabled="!(drafts[r.id] || '').trim() || busy === r.id">Send</button>
            </form>
            <div class="item-acts" @click.stop>
              <button v-for="b in buttons(r)" :key="b.key" type="button" class="btn btn-small" :class="b.look" :title="b.title" :disabled="busy === r.id"
                      @click="act(r, b)">{{ b.label }}<kbd v-if="b.kbd && r.id === open" class="kbd" aria-hidden="true">{{ b.kbd }}</kbd></button>
              <a v-if="r.kind === 'task'" class="btn btn-small btn-human" :href="'/agents/' + r.agent + '/drive'">Take the wheel</a>
            </div>
          </template>
        </li>
      </ol>
    </section>`,
  data: () => ({ items: [], loaded: false, open: null, now: Date.now(), drafts: {}, busy: null, taken: {}, settled: {}, status: "" }),
  computed: {
    live() {
      return this.items.filter((r) => !this.settled[r.id]).length;
    },
    quiet() {
      return { finished: "The group has finished.", cancelled: "The group was stopped.", paused: "The group is paused.", draft: "The group has not started." }[this.status] ?? "Questions, approvals and trouble show up here.";
    },
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
      onKey("a", "Approve, accept or answer", () => this.byKey(["approve", "accept", "run_again", "raise", "retry", "answer"])),
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
    clock,
    kind: (r) => REQUEST_KINDS[r.kind] ?? { label: r.kind, tag: "", weight: 1 },
    title: (r) => (r.kind === "question" ? r.detail || r.title : requestTitle(r)),
    waiting(r) {
      const others = r.blocked - 1;
      return others > 0 ? `${others} other${others === 1 ? "" : "s"} wait${others === 1 ? "s" : ""} on this.` : "";
    },
    code(r) {
      if (!r.tool || ["question", "budget", "task"].includes(r.kind)) return "";
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
        if (message.opened.length || message.closed.length) this.read();
        else if (message.group) this.status = this.feed.state.group.status;
      }
    },
    read() {
      const { group, requests } = this.feed.state;
      const cost = (r) => r.blocked * this.kind(r).weight;
      const before = this.items.findIndex((r) => r.id === this.open);
      const sorted = [...requests.values()].sort((a, b) => cost(b) - cost(a) || a.opened_at - b.opened_at);
      const leaving = this.items.filter((r) => (this.taken[r.id] || this.settled[r.id]) && !requests.has(r.id));
      this.items = [...sorted, ...leaving];
      for (const r of sorted) this.drafts[r.id] ??= kept(`answer:${r.id}`);
      if (!this.loaded) this.recall();
      this.loaded = true;
      this.status = group.status;
      this.now = this.feed.now();
      if (this.open && !this.items.some((r) => r.id === this.open)) this.open = null;
      if (before < 0 && this.open === null && room.selected) this.follow(room.selected);
    },
    /** Somebody else settled it. One that is being looked at or answered stays, and says by whom; no word is lost. */
    async settle(r) {
      if (this.taken[r.id] || this.settled[r.id]) return;
      const words = settledWords(r, this.drafts[r.id]);
      words.then((found) => found && tellSettled(r.id, found));
      if (r.id !== this.open && !(this.drafts[r.id] ?? "").trim()) return;
      this.settled = { ...this.settled, [r.id]: { words: "Settled meanwhile…" } };
      if (!this.items.some((one) => one.id === r.id)) this.items = [...this.items, r];
      const found = await words;
      if (!found) return this.putAway(r); // they were sent, and the page left before it heard of it
      if (this.settled[r.id]) this.settled[r.id].words = found;
    },
    /** Words for requests that were settled while this page was away: they are shown as if it had been here. */
    async recall() {
      const ids = new Set(keptUnder(`answer:${this.groupId}-`).map((rest) => `${this.groupId}-${rest}`));
      for (const id of this.feed.state.requests.keys()) ids.delete(id);
      if (!ids.size) return;
      const { requests } = await api("GET", `/requests?group=${encodeURIComponent(this.groupId)}&state=closed`);
      for (const r of requests.filter((one) => ids.has(one.id))) {
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
    },
    follow(agent) {
      const first = this.items.find((r) => r.agent === agent);
      if (first && !this.items.some((r) => r.id === this.open && r.agent === agent)) this.show(first);
    },
    choose(r) {
      this.open = r.id;
      if (!matchMedia(NARROW).matches) room.select(r.agent);
    },
    show(r, focus = false) {
      this.open = r.id;
      this.$nextTick(() => {
        const item = this.$el.querySelector(`[data-request="${CSS.escape(r.id)}"]`);
        item?.scrollIntoView({ block: "nearest" });
        if (focus) item?.querySelector(".item-name").focus({ preventScroll: true });
      });
    },
    step(by) {
      if (!this.items.length) return;
      const at = this.items.findIndex((r) => r.id === this.open);
      const next = this.items[at < 0 ? (by > 0 ? 0 : this.items.length - 1) : (at + by + this.items.length) % this.items.length];
      this.show(next, true);
      room.select(next.agent);
    },
    byKey(wanted) {
      const r = this.items.find((one) => one.id === this.open);
      const button = r && !this.taken[r.id] && !this.settled[r.id] && this.buttons(r).find((b) => wanted.includes(b.choice.id) && b.given.scope !== "tool" && b.given.scope !== "group");
      if (button) return this.act(r, button);
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
      const at = this.items.findIndex((one) => one.id === r.id);
      const done = await answer(r, choice, given);
      this.busy = null;
      if (!done) return;
      delete this.drafts[r.id];
      forget(`answer:${r.id}`);
      this.taken = { ...this.taken, [r.id]: `✓ ${choice.label}` };
      setTimeout(() => {
        const { [r.id]: _, ...rest } = this.taken;
        this.taken = rest;
        const had = this.open === r.id;
        this.read();
        if (had && this.items.length) this.show(this.items[Math.min(at, this.items.length - 1)]);
      }, GONE_MS);
    },
  },
};
