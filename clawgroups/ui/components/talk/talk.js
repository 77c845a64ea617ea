// The room: what was said, to whom, and whether they have read it; words to the conductor or to named sub-agents.
import { api } from "/claw/api.js";
import { feedOf } from "/claw/feed.js";
import { forget, keep, kept } from "/claw/kept.js";
import { whyNot } from "/claw/me.js";
import { addressed, offered, peopleOf } from "/claw/mentions.js";
import { room } from "/claw/room.js";
import { say } from "/claw/say.js";
import { span, when, whole } from "/claw/when.js";
import { plural } from "/claw/words.js";

const PAGE = 50;
const CLOCK_MS = 10000;
const NEAR = 80; // px from the end at which one reads along
const FACE = { rules: "§", hand_back: "✎", reassign: "⇄" };

export default {
  props: { groupId: String },
  template: `
<section class="talk" aria-label="Room">
  <div class="talk-main">
    <header class="talk-head">
      <div class="seg" role="group" aria-label="What is shown">
        <button type="button" :aria-pressed="String(!only)" @click="narrow('')">Everything</button>
        <button v-if="only || picked" type="button" :aria-pressed="String(Boolean(only))" @click="narrow(only || picked)">Only <bdi>{{ nameOf(only || picked) }}</bdi></button>
      </div>
      <p v-if="stale" class="talk-stale" role="status">Reconnecting: what is said meanwhile comes afterwards.</p>
    </header>
    <div ref="list" class="talk-list" role="log" aria-label="What was said" tabindex="0" @scroll.passive="scrolled">
      <p v-if="phase === 'loading'" class="talk-loading" aria-busy="true"><span v-for="n in 4" :key="n" class="skeleton"></span></p>
      <div v-else-if="phase === 'failed'" class="blank" role="alert"><div class="blank-title">The room cannot be read now</div>
        <div class="blank-text">{{ problem }}</div><button type="button" class="btn" @click="read()">Try again</button></div>
      <div v-else-if="!messages.length" class="blank"><div class="blank-title">Nothing was said yet</div>
        <div class="blank-text">{{ only ? "Words to this sub-agent show up here." : "Write to the conductor, or to a sub-agent by @name. What members post, changes of the rules and of who drives stand here too." }}</div></div>
      <button v-if="more" type="button" class="btn btn-small talk-more" :disabled="earlier" @click="readEarlier">{{ earlier ? "One moment…" : "Earlier" }}</button>
      <article v-for="m in messages" :key="m.seq" class="talk-one" :class="['talk-' + m.kind, { 'talk-agent': m.by_agent }]" :data-seq="m.seq" :aria-label="labelOf(m)">
        <span class="talk-face" aria-hidden="true">{{ faceOf(m) }}</span>
        <div class="talk-body">
          <p class="talk-by"><button v-if="m.by_agent" type="button" class="talk-who" @click="pick(m.by_agent)"><bdi>{{ m.by_name }}</bdi></button><bdi v-else class="talk-who">{{ m.by_name }}</bdi>
            <span v-if="m.kind !== 'post'" class="talk-did">{{ didOf(m) }} <button v-if="m.about" type="button" class="talk-who" @click="pick(m.about)"><bdi>{{ m.about_name }}</bdi></button></span>
            <time class="num" :datetime="new Date(m.at).toISOString()" :title="whole(m.at)">{{ when(m.at, now) }}</time></p>
          <p v-if="m.text" class="talk-text" dir="auto" :class="{ 'talk-cut': isLong(m) && !opened.has(m.seq) }">{{ m.text }}</p>
          <p v-else-if="m.kind === 'rules'" class="talk-text dim">There are none any more.</p>
          <button v-if="isLong(m)" type="button" class="talk-fold" :aria-expanded="String(opened.has(m.seq))" @click="fold(m)">{{ opened.has(m.seq) ? "Less" : "All of it" }}</button>
          <p v-if="m.to.length" class="talk-to">to <template v-for="(t, n) in m.to.slice(0, 6)" :key="t.agent">{{ n ? ", " : "" }}<button type="button" class="talk-who" @click="pick(t.agent)"><bdi>{{ t.name }}</bdi></button></template><template v-if="m.to.length > 6"> and {{ m.to.length - 6 }} more</template>
            <span class="talk-read" :class="{ 'talk-queued': waiting(m) }"> · {{ readOf(m) }}</span></p>
        </div>
      </article>
    </div>
    <button v-if="below" type="button" class="btn btn-small btn-primary talk-below" @click="toEnd">{{ plural(below, "new message") }} ↓</button>
    <form class="talk-write" @submit.prevent="send">
      <label class="sr" :for="id">Your words in the room</label>
      <textarea :id="id" ref="words" class="input" rows="2" dir="auto" v-model="text" :disabled="Boolean(off)" :placeholder="off || 'Write to the conductor, or to somebody by @name…'"
        role="combobox" aria-autocomplete="list" :aria-expanded="String(Boolean(offers))" :aria-controls="id + '-offers'" :aria-activedescendant="offers ? id + '-' + at : null"
        @input="typed" @click="look" @keydown="keys" @blur="later"></textarea>
      <ul v-if="offers" :id="id + '-offers'" class="talk-offers" role="listbox" aria-label="Sub-agents">
        <li v-for="(p, n) in offers.people" :key="p.name" :id="id + '-' + n" role="option" :aria-selected="String(n === at)" @mousedown.prevent="take(p)"><bdi>{{ p.name }}</bdi> <span class="dim cut">{{ p.about }}</span></li>
      </ul>
      <p v-if="unsent" class="talk-route talk-unsent" role="alert">{{ unsent }}</p>
      <p v-else class="talk-route" role="status">{{ route }}</p>
      <button type="submit" class="btn btn-primary" :disabled="Boolean(off) || busy || !text.trim()">{{ busy ? "Sending…" : "Send" }}<span class="kbd" aria-hidden="true">Ctrl ⏎</span></button>
    </form>
  </div>
  <aside class="talk-rules" aria-label="Standing rules">
    <header><h2>Standing rules</h2><button v-if="!editing" type="button" class="btn btn-small" :disabled="Boolean(noRules)" :title="noRules" @click="edit">Edit</button></header>
    <template v-if="!editing"><p v-if="rules.trim()" class="talk-rules-text" dir="auto">{{ rules }}</p>
      <p v-else class="muted">None. What holds for everybody here goes in: tone, sources, what to leave alone. Each member reads them before its next task.</p></template>
    <form v-else class="field" @submit.prevent="saveRules">
      <label :for="id + '-rules'">In plain words</label>
      <textarea :id="id + '-rules'" ref="rules" class="input" rows="10" dir="auto" v-model="draft" @input="keepRules" @keydown.escape.prevent="stopEditing"></textarea>
      <p v-if="rules !== base" class="wrong" role="alert">Somebody has changed them meanwhile to: “<bdi>{{ rules || "none" }}</bdi>”. Saving puts yours in their place.</p>
      <label class="form-check"><input type="checkbox" v-model="tellAll"><span>Tell everybody who is under way, too, at the next step</span></label>
      <p v-if="unsaved" class="wrong" role="alert">{{ unsaved }}</p>
      <div class="row"><button class="btn btn-primary" :disabled="saving || draft.trim() === rules.trim()">{{ saving ? "Saving…" : "Save" }}</button><button type="button" class="btn btn-ghost" @click="stopEditing">Discard</button></div>
    </form>
  </aside>
</section>`,
  data: () => ({
    phase: "loading", problem: "", messages: [], more: false, earlier: false, only: "", picked: "", rules: "", stale: false, now: Date.now(), opened: new Set(),
    text: "", busy: false, offers: null, at: 0, below: 0, people: [], editing: false, draft: "", base: "", saving: false, unsaved: "", unsent: "", tellAll: true, status: "",
  }),
  computed: {
    id() {
      return `talk-${this.groupId}`;
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
    didOf: (m) => ({ rules: "changed the standing rules", hand_back: "handed back", reassign: "reassigned" })[m.kind] ?? "",
    labelOf: (m) => `${m.by_name}, ${whole(m.at)}`,
    isLong: (m) => m.text.length > 900 || m.text.split("\n").length > 14,
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
      const only = this.only;
      try {
        const { messages, more } = await api("GET", this.path(""));
        if (only !== this.only) return;
        Object.assign(this, { messages, more, phase: "live", below: 0 });
        this.toEnd();
      } catch (error) {
        Object.assign(this, { phase: "failed", problem: `${error.message} ${error.hint}`.trim() });
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
      this.earlier = true;
      const { list } = this.$refs;
      const from = list.scrollHeight - list.scrollTop;
      try {
        const { messages, more } = await api("GET", this.path(`&before=${this.messages[0].seq}`));
        Object.assign(this, { messages: [...messages, ...this.messages], more });
        this.$nextTick(() => (list.scrollTop = list.scrollHeight - from));
      } catch (error) {
        say({ sentence: error.message, hint: error.hint, kind: "bad" });
      }
      this.earlier = false;
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
      if (this.below && this.near()) this.below = 0;
    },
    toEnd() {
      this.below = 0;
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
    async send() {
      const text = this.text.trim();
      if (!text || this.busy || this.off) return;
      this.busy = true;
      this.unsent = "";
      const { to } = this.whom;
      const thread = this.only && this.people.some((one) => one.id === this.only) ? [this.only] : [];
      try {
        await api("POST", `/groups/${encodeURIComponent(this.groupId)}/messages`, { text, to: to.length ? to : thread });
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
      Object.assign(this, { editing: true, base: this.rules, draft: kept(`rules:${this.groupId}`) || this.rules });
      if (focus) this.$nextTick(() => this.$refs.rules?.focus());
    },
    keepRules() {
      keep(`rules:${this.groupId}`, this.draft === this.base ? "" : this.draft);
    },
    stopEditing() {
      this.editing = false;
      forget(`rules:${this.groupId}`);
    },
    async saveRules() {
      this.saving = true;
      this.unsaved = "";
      try {
        await api("PUT", `/groups/${encodeURIComponent(this.groupId)}/rules`, { rules: this.draft, tell_all: this.tellAll });
        this.rules = this.draft;
        this.stopEditing();
        this.refresh();
      } catch (error) {
        this.unsaved = `Not saved. ${error.message} ${error.hint}`.trim();
      }
      this.saving = false;
    },
  },
};
