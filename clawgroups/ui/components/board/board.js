// All groups: who needs me first, then what is under way, then what has ended. A card never moves while one looks.
import { me } from "/claw/me.js";
import { causesOf, sameWords } from "/claw/rank.js";
import { onSnoozed } from "/claw/snooze.js";
import { GROUP_STATUS, LOOKS, ORDER, REQUEST_KINDS, money, plain, plural, short, whole as number } from "/claw/words.js";
import { ending, span, when, whole } from "/claw/when.js";

const FIRST_REQUESTS = 5;
const MANY = 6;
const CLOCK_MS = 5000;
const ENDED = ["finished", "cancelled"];
const FILTERS = [["all", "All"], ["under", "Under way"], ["needs", "Needs you"], ["ended", "Ended"]];
const ABNORMAL = ["att", "bad", "hum"];

export default {
  props: { folder: String, guided: Boolean },
  emits: ["older"],
  template: `
<div class="board">
  <div v-if="failed" class="board-failed" role="alert"><strong>{{ failed.sentence }}</strong> <span>{{ failed.hint }}</span></div>
  <div v-if="!loaded" class="board-loading" aria-busy="true" aria-label="Groups are being read"><div v-for="n in 4" :key="n" class="skeleton"></div></div>
  <section v-else-if="!order.length" class="board-none" :class="{ 'board-guided': guided }">
    <img v-if="!guided" src="/claw/icon.svg" alt="" width="52" height="52">
    <h2>No groups yet</h2>
    <p>A group is a goal, a conductor who splits it into tasks, and up to 300 sub-agents who do them while you watch. You can take the wheel of any of them.</p>
    <ul v-if="!guided" class="board-ways">
      <li><a class="board-way board-way-first" href="/new?template=survey"><strong>Survey a folder</strong><span>Works right away: bundled programs read <bdi class="mono">{{ folder }}</bdi>, or any other folder, and write a report.</span><b>Start here</b></a></li>
      <li><a class="board-way" href="/members"><strong>Bring in a model</strong><span>Kimi or any OpenAI-compatible endpoint, here or elsewhere; your own programs and people, too.</span><b>To the members</b></a></li>
      <li><a class="board-way" href="/new?template=goal"><strong>A goal of your own</strong><span>Say what is to be reached; a model, a person or a program of yours conducts.</span><b>New group</b></a></li>
    </ul>
  </section>
  <template v-else>
    <div class="board-head">
      <dl class="stats board-stats" aria-label="All groups together">
        <div v-for="s in stats" :key="s.term" class="stat" :data-look="s.look"><dd class="num">{{ s.value }}</dd><dt><i v-if="s.look" class="dot" aria-hidden="true"></i>{{ s.term }}</dt></div>
      </dl>
      <a class="btn btn-primary" href="/new">New group</a>
    </div>
    <section v-if="requests.length" class="board-needs" aria-labelledby="board-needs">
      <header><h2 id="board-needs">Needs you</h2><span class="count" :class="{ 'count-none': !awake.length }" :aria-label="awake.length + ' open'">{{ awake.length }}</span><span class="pane-note">{{ [awake.length > 1 && "by cost of waiting", requests.length > awake.length && requests.length - awake.length + " snoozed"].filter(Boolean).join(" · ") }}</span></header>
      <ol>
        <li v-for="{ key, r, all } in firstAsked" :key="key"><a class="board-ask" :href="askHref(r)" :data-request="r.id">
          <span class="tag" :class="kind(r).tag">{{ kind(r).label }}</span>
          <span class="board-ask-title" dir="auto">{{ plain(r.title) || kind(r).label }}</span>
          <span class="board-ask-who"><template v-if="all.length > 1">{{ sameWords(all) }}</template><bdi v-else>{{ r.agent_name }}</bdi> in <bdi>{{ r.group_name }}</bdi><template v-if="r.assigned && all.length === 1"> · <bdi>{{ r.assigned === me ? "you have" : r.assigned_name + " has" }}</bdi> it</template><template v-if="r.blocked > 1"> · {{ plural(r.blocked - 1, "other waits", "others wait") }}</template></span>
          <time class="num" :datetime="iso(r.opened_at)" :title="whole(r.opened_at)">{{ span(now - r.opened_at) }}</time>
        </a></li>
      </ol>
      <button v-if="asked.length > 5" type="button" class="board-more" :aria-expanded="String(allRequests)" @click="allRequests = !allRequests">{{ allRequests ? "Show fewer" : "Show all " + asked.length }}</button>
    </section>
    <section class="board-groups" aria-labelledby="board-groups">
      <header class="board-bar"><h2 id="board-groups">Groups</h2>
        <template v-if="many">
          <div class="seg" role="group" aria-label="Show"><button v-for="[key, label] in filters" :key="key" type="button" :aria-pressed="String(filter === key)" @click="filter = key">{{ label }} <span class="num dim">{{ counts[key] }}{{ next && (key === "all" || key === "ended") ? "+" : "" }}</span></button></div>
          <label class="sr" for="board-find">Find a group</label>
          <input id="board-find" v-model="query" class="input board-find" type="search" placeholder="Find by name, goal, folder…" autocomplete="off" spellcheck="false">
        </template>
        <span class="sr" role="status">{{ many ? plural(found.length, "group") + " shown" : "" }}</span>
      </header>
      <ul class="board-list">
        <li v-for="g in found" :key="g.id"><a class="board-card" :class="{ 'board-card-needs': g.needs_you, 'board-card-ended': isEnded(g) }" :href="'/groups/' + encodeURIComponent(g.id)" :data-group="g.id">
          <span class="board-who"><span class="board-name"><bdi class="cut" :title="g.name">{{ g.name }}</bdi><span class="tag" :class="{ 'tag-attention': g.status === 'paused' }">{{ status(g).label }}</span><span v-if="g.needs_you && !g.looks.att" class="tag tag-attention">{{ g.needs_you }} need{{ g.needs_you === 1 ? "s" : "" }} you</span></span>
            <span class="board-goal" dir="auto">{{ g.goal || "No goal was written." }}</span>
            <span class="board-by"><bdi>{{ g.conductor }}</bdi><template v-if="g.conductor_kind"> ({{ g.conductor_kind }})</template> conducts<template v-if="g.template"> · {{ g.template }}</template></span></span>
          <span class="board-state"><span class="bar board-bar-line" aria-hidden="true"><i v-for="p in parts(g)" :key="p.look" :data-look="p.look" :style="{ flex: p.count }"></i></span>
            <span class="board-counts"><span v-for="p in parts(g)" :key="p.look" :class="{ 'board-loud': abnormal(p.look) }" :data-look="p.look"><i class="dot" aria-hidden="true"></i>{{ p.count }} {{ p.label }}</span><span v-if="!g.agents">no sub-agents yet</span></span></span>
          <span class="board-num"><b class="num">{{ short(g.steps) }}</b><span>{{ g.steps === 1 ? "step" : "steps" }}</span></span>
          <span class="board-num"><b class="num">{{ g.cost ? money(g.cost) : "–" }}</b><span>cost</span></span>
          <span class="board-when"><b v-if="g.started_at"><time :datetime="iso(g.started_at)" :title="'Started ' + whole(g.started_at)">{{ when(g.started_at, now) }}</time><template v-if="g.ended_at"> – <time :datetime="iso(g.ended_at)" :title="'Ended ' + whole(g.ended_at)">{{ ending(g.ended_at, g.started_at, now) }}</time></template></b>
            <b v-else><time :datetime="iso(g.created_at)" :title="'Made ' + whole(g.created_at)">{{ when(g.created_at, now) }}</time></b>
            <span>{{ lasted(g) }}</span></span>
        </a></li>
      </ul>
      <p v-if="!found.length" class="board-nothing">No group fits. <button type="button" class="btn btn-small" @click="showAll">Show all</button></p>
      <p v-if="next" class="board-nothing"><button type="button" class="btn btn-small board-older" :disabled="reading" @click="readOlder">{{ reading ? "Reading…" : "Show older groups" }}</button> <a href="/history">Search all of them in the history</a></p>
    </section>
  </template>
</div>`,
  data: () => ({
    loaded: false, cards: {}, order: [], requests: [], next: "", reading: false, failed: null, now: Date.now(), query: "", filter: "all", allRequests: false, causes: [], until: {}, me: me.id, filters: FILTERS,
  }),
  computed: {
    all() {
      return this.order.map((id) => this.cards[id]).sort((a, b) => this.isEnded(a) - this.isEnded(b));
    },
    many() {
      return this.order.length > MANY;
    },
    counts() {
      return Object.fromEntries(FILTERS.map(([key]) => [key, this.all.filter((g) => this.fits(g, key)).length]));
    },
    found() {
      if (!this.many) return this.all;
      const words = this.query.toLowerCase().split(/\s+/).filter(Boolean);
      return this.all.filter((g) => {
        const text = `${g.name} ${g.goal} ${g.folder} ${g.status} ${g.conductor} ${g.template}`.toLowerCase();
        return this.fits(g, this.filter) && words.every((word) => text.includes(word));
      });
    },
    awake() {
      return this.requests.filter((r) => !this.until[r.id]);
    },
    /** What waits, the same folded into one line: {key, r (the oldest), all}. */
    asked() {
      const of = new Map(this.awake.map((r) => [r.id, r]));
      const found = this.causes.map(({ key, ids }) => ({ key, all: ids.map((id) => of.get(id)).filter(Boolean) }));
      return found.filter(({ all }) => all.length).map(({ key, all }) => ({ key, r: all[0], all }));
    },
    firstAsked() {
      return this.allRequests ? this.asked : this.asked.slice(0, FIRST_REQUESTS);
    },
    stats() {
      const sum = (of) => this.all.reduce((total, g) => total + of(g), 0);
      const look = (key) => sum((g) => (this.isEnded(g) ? 0 : g.looks[key] ?? 0));
      const found = [
        { term: "under way", value: number(this.counts.under) },
        { term: "sub-agents live", value: number(sum((g) => g.live)), look: "gen" },
        { term: this.requests.length === 1 ? "needs you" : "need you", value: number(this.requests.length), look: "att" },
      ];
      if (look("hum")) found.push({ term: "driven by people", value: number(look("hum")), look: "hum" });
      if (look("bad")) found.push({ term: "failed", value: number(look("bad")), look: "bad" });
      if (sum((g) => g.cost)) found.push({ term: "spend", value: money(sum((g) => g.cost)) });
      return found;
    },
  },
  mounted() {
    this.stop = onSnoozed((until) => (this.until = until));
    this.timer = setInterval(() => (this.now = Date.now()), CLOCK_MS);
  },
  unmounted() {
    clearInterval(this.timer);
    this.stop();
  },
  methods: {
    ending, when, whole, span, short, money, plain, plural, sameWords,
    iso: (ms) => new Date(ms).toISOString(),
    kind: (r) => REQUEST_KINDS[r.kind] ?? { label: r.kind, tag: "", weight: 1 },
    status: (g) => GROUP_STATUS[g.status] ?? { label: g.status, tag: "" },
    isEnded: (g) => ENDED.includes(g.status),
    abnormal: (look) => ABNORMAL.includes(look),
    askHref: (r) => `/groups/${encodeURIComponent(r.group)}?agent=${encodeURIComponent(r.agent)}`,
    fits(g, key) {
      return key === "all" || (key === "needs" ? g.needs_you > 0 : (key === "ended") === this.isEnded(g));
    },
    parts: (g) => ORDER.filter((look) => g.looks[look]).map((look) => ({ look, count: g.looks[look], label: LOOKS[look].label.toLowerCase() })),
    lasted(g) {
      if (!g.started_at) return "not started";
      return g.ended_at ? `took ${span(g.ended_at - g.started_at)}` : `for ${span(this.now - g.started_at)}`;
    },
    showAll() {
      this.query = "";
      this.filter = "all";
    },
    /** What is new: changed cards, the order when it is another one, open requests when they are others. */
    patch(cards, order, requests, next) {
      for (const card of cards) this.cards[card.id] = card;
      if (order) {
        const news = new Set(order);
        // What has ended stays, also when newer ones push it out of what the server tells by itself.
        this.order = [...order, ...this.order.filter((id) => !news.has(id) && this.isEnded(this.cards[id]))];
        const kept = new Set(this.order);
        for (const id of Object.keys(this.cards)) if (!kept.has(id)) delete this.cards[id];
      }
      if (requests) {
        const known = new Set(this.requests.map((r) => r.id)); // the order changes only when something opens or closes
        const same = known.size === requests.length && requests.every((r) => known.has(r.id));
        const of = new Map(requests.map((r) => [r.id, r]));
        this.requests = same ? this.requests.map((r) => of.get(r.id)) : requests;
        if (!same) this.causes = causesOf(requests, Date.now()).map(({ key, all }) => ({ key, ids: all.map((r) => r.id) }));
        document.title = `${requests.length ? `(${requests.length}) ` : ""}Groups · Claw Groups`;
      }
      if (!this.loaded) this.next = next; // later it is where this page has come to
      Object.assign(this, { now: Date.now(), loaded: true, failed: null });
    },
    readOlder() {
      this.reading = true;
      this.$emit("older", this.next);
    },
    append(cards, next) {
      const known = new Set(this.order);
      for (const card of cards) this.cards[card.id] = card;
      this.order = [...this.order, ...cards.map((card) => card.id).filter((id) => !known.has(id))];
      Object.assign(this, { next, reading: false });
    },
    fail(sentence, hint) {
      this.failed = { sentence, hint };
      this.reading = false;
    },
  },
};
