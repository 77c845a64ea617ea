// Every run, newest first. Words, names and snippets are text of strangers: they only ever become text nodes.
import { api } from "/claw/api.js";
import { ExportLinks } from "/claw/exports.js";
import { onKey } from "/claw/keys.js";
import { EMPTY, addressOf, count, fromAddress, queryOf } from "/claw/history_filters.js";
import { GROUP_STATUS, money, plural, short, whole as number } from "/claw/words.js";
import { ending, span, when, whole } from "/claw/when.js";

const PAGE = 25;
const TYPED_MS = 350;
const BEHIND_MS = 2000;
const DEEDS = { took_over: "took over", answered: "answered", steered: "steered" };
const ENDED = ["finished", "cancelled"];

export default {
  components: { ExportLinks },
  template: `
<div class="past">
  <form class="past-form" role="search" @submit.prevent="apply()">
    <div class="past-line">
      <label class="sr" for="past-q">Words to find</label>
      <input id="past-q" ref="q" v-model="asked.q" class="input past-q" type="search" maxlength="500" autocomplete="off" spellcheck="false" placeholder="Names, goals, what was said, arguments, results…" aria-describedby="past-help" @input="typed" @keydown.down.prevent="move(1)">
      <button type="button" class="btn past-toggle" :aria-expanded="String(open)" aria-controls="past-filters" @click="open = !open">Filters<span v-if="filters" class="count">{{ filters }}</span></button>
      <button v-if="filters || asked.q" type="button" class="btn btn-ghost" @click="clear">Clear</button>
    </div>
    <p id="past-help" class="past-help">All words must stand in one place. <span class="mono">"side by side"</span> in quotes, <span class="mono">migrat*</span> for any ending. <span class="past-keys"><kbd class="kbd">/</kbd> to the words, <kbd class="kbd">J</kbd> <kbd class="kbd">K</kbd> through the runs</span></p>
    <div v-show="open" id="past-filters" class="past-filters">
      <div class="field past-wide" role="group" aria-labelledby="past-state"><span id="past-state" class="field-label">State</span>
        <div class="past-chips"><button v-for="(one, key) in states" :key="key" type="button" class="chip" :aria-pressed="String(asked.state.includes(key))" @click="toggle(key)">{{ one.label }}</button></div></div>
      <div class="field"><label for="past-member">Member at work</label><select id="past-member" v-model="asked.member" @change="apply()"><option value="">Any</option><option v-for="one in options('members', asked.member)" :key="one.id" :value="one.id">{{ one.name }}</option></select></div>
      <div class="field"><label for="past-tool">Tool used</label><select id="past-tool" v-model="asked.tool" @change="apply()"><option value="">Any</option><option v-for="one in options('tools', asked.tool)" :key="one.id" :value="one.id">{{ one.name }}</option></select></div>
      <div class="field"><label for="past-person">Person took part</label><select id="past-person" v-model="asked.person" @change="apply()"><option value="">Anybody or nobody</option><option v-for="one in options('people', asked.person)" :key="one.id" :value="one.id">{{ one.name }}</option></select></div>
      <div class="field"><label for="past-did">By what</label><select id="past-did" v-model="asked.did" :disabled="!asked.person" @change="apply()"><option value="">Anything</option><option v-for="(label, key) in deeds" :key="key" :value="key">{{ label }}</option></select></div>
      <div class="field"><label for="past-from">Under way from</label><input id="past-from" v-model="asked.from" type="date" :max="asked.to || undefined" @change="apply()"></div>
      <div class="field"><label for="past-to">to</label><input id="past-to" v-model="asked.to" type="date" :min="asked.from || undefined" @change="apply()"></div>
      <div class="field"><label for="past-low">Cost from (USD)</label><input id="past-low" v-model="asked.cost_from" type="number" min="0" step="any" inputmode="decimal" @change="apply()"></div>
      <div class="field"><label for="past-high">to</label><input id="past-high" v-model="asked.cost_to" type="number" min="0" step="any" inputmode="decimal" @change="apply()"></div>
    </div>
  </form>
  <p v-if="search.problem" class="past-note past-note-bad" role="status">{{ search.problem }}</p>
  <p v-else-if="search.behind > 0" class="past-note" role="status">The search is still reading the record: {{ plural(search.behind, "event") }} cannot be found yet.</p>
  <div v-if="failed" class="past-failed" role="alert"><strong>{{ failed.message }}</strong> <span>{{ failed.hint }}</span> <button type="button" class="btn btn-small" @click="load()">Try again</button></div>
  <p class="sr" role="status" aria-live="polite">{{ told }}</p>
  <div v-if="loading && !runs.length" class="past-loading" aria-busy="true" aria-label="Runs are being read"><div v-for="n in 5" :key="n" class="skeleton"></div></div>
  <section v-else-if="!runs.length && !failed && !next" class="blank past-none">
    <template v-if="asksNothing"><h2 class="blank-title">Nothing has run yet</h2><p class="blank-text">Every group stays here with all that was said and done in it, for as long as you keep the database.</p><a class="btn btn-primary" href="/new">New group</a></template>
    <template v-else><h2 class="blank-title">No run fits</h2><p class="blank-text">{{ advice }}</p>
      <div class="past-outs"><button v-if="canWiden" type="button" class="btn" @click="widen">Find beginnings of words</button><button v-if="filters && asked.q" type="button" class="btn" @click="unfilter">Without the filters</button><button type="button" class="btn" @click="clear">Show all runs</button></div></template>
  </section>
  <ol v-if="runs.length" class="past-list" :class="{ 'past-old': loading }" :aria-busy="String(loading)">
    <li v-for="run in runs" :key="run.id" class="past-run" :data-run="run.id">
      <div class="past-head">
        <a class="past-name" :href="href(run)"><bdi class="cut" :title="run.name">{{ run.name || run.id }}</bdi></a>
        <span class="tag" :class="state(run).tag">{{ state(run).label }}</span>
        <details v-if="ended(run)" class="past-export" @keydown.esc.stop="$event.currentTarget.open = false"><summary class="btn btn-small btn-ghost">Export</summary><export-links :group-id="run.id" :name="run.name"></export-links></details>
      </div>
      <p class="past-goal" dir="auto">{{ run.goal || "No goal was written." }}</p>
      <p class="past-who"><span><bdi>{{ run.conductor_name }}</bdi><template v-if="run.conductor_kind"> ({{ run.conductor_kind }})</template> {{ run.ended_at ? "conducted" : "conducts" }}</span><span v-for="one in run.people" :key="one.id" class="past-person"><i class="dot" aria-hidden="true"></i><bdi>{{ one.name }}</bdi> {{ did(one) }}</span></p>
      <dl class="past-facts">
        <div><dt>Sub-agents</dt><dd class="num">{{ number(run.agents) }}</dd></div>
        <div><dt>Steps</dt><dd class="num">{{ short(run.steps) }}</dd></div>
        <div><dt title="The longest chain of steps that had to wait for each other">Critical steps</dt><dd class="num">{{ short(run.critical) }}</dd></div>
        <div><dt>Cost</dt><dd class="num">{{ run.cost ? money(run.cost) : "–" }}</dd></div>
        <div><dt>Started</dt><dd><time v-if="run.started_at" :datetime="iso(run.started_at)" :title="whole(run.started_at)">{{ when(run.started_at) }}</time><template v-else>–</template></dd></div>
        <div><dt>Ended</dt><dd><time v-if="run.ended_at" :datetime="iso(run.ended_at)" :title="whole(run.ended_at)">{{ ending(run.ended_at, run.started_at ?? run.ended_at) }}</time><template v-else>–</template></dd></div>
        <div><dt>Lasted</dt><dd class="num">{{ lasted(run) }}</dd></div>
      </dl>
      <ul v-if="run.hits && run.hits.length" class="past-hits" :aria-label="'Where the words stand in ' + run.name">
        <li v-for="hit in run.hits" :key="hit.seq + '.' + hit.at"><a class="past-hit" :href="hitHref(run, hit)" :data-seq="hit.seq">
          <span class="past-where"><bdi class="cut">{{ hit.agent ? hit.agent_name : "The group" }}</bdi><span v-if="hit.step" class="num"> · step {{ hit.step }}</span> · {{ hit.what }}</span>
          <span class="past-snippet" dir="auto"><template v-for="(piece, n) in hit.snippet" :key="n"><mark v-if="piece.hit">{{ piece.text }}</mark><template v-else>{{ piece.text }}</template></template></span></a></li>
        <li v-if="run.more_hits"><button type="button" class="past-more-hits" :disabled="run.reading" @click="moreHits(run)">{{ run.reading ? "Reading…" : "More places in this run" }}</button></li>
      </ul>
    </li>
  </ol>
  <p v-if="next" ref="end" class="past-end"><span v-if="!runs.length" class="muted">Nothing among the newest runs fits. </span><button type="button" class="btn" :disabled="loading" @click="load(next)">{{ loading ? "Reading…" : "Older runs" }}</button></p>
</div>`,
  data: () => ({
    asked: fromAddress(), open: false, runs: [], next: null, loading: true, failed: null, told: "",
    search: { words: true, behind: 0, problem: "" }, choices: { members: [], tools: [], people: [] }, states: GROUP_STATUS, deeds: DEEDS, shown: EMPTY,
  }),
  computed: {
    filters() {
      return count(this.asked);
    },
    asksNothing() {
      return !count(this.shown) && !this.shown.q.trim();
    },
    canWiden() {
      return /[^\s"*]/.test(this.shown.q) && !/[*"]/.test(this.shown.q) && this.search.words;
    },
    advice() {
      if (!this.search.words && this.shown.q) return "Words cannot be searched on this server; the filters work.";
      if (!this.shown.q) return "No run is within all of these filters.";
      return this.search.behind > 0 ? "The search is still reading; what was said last may not be in it yet." : "Words are found whole, in any case and with or without accents, when all of them stand in one step, result, goal or name.";
    },
  },
  mounted() {
    this.turn = 0;
    this.open = count(this.asked) > 0;
    this.stops = [
      onKey("/", "To the search", () => this.$refs.q.focus()),
      onKey("j", "Next run", () => this.move(1)),
      onKey("k", "Previous run", () => this.move(-1)),
    ];
    addEventListener("popstate", this.back);
    this.watcher = new IntersectionObserver(([end]) => end.isIntersecting && this.runs.length && !this.loading && !this.failed && this.load(this.next), { rootMargin: "300px" });
    this.timer = setInterval(() => this.catchUp(), BEHIND_MS);
    this.load();
    this.readChoices();
  },
  updated() {
    if (this.end !== this.$refs.end) {
      this.watcher.disconnect();
      this.end = this.$refs.end;
      if (this.end) this.watcher.observe(this.end);
    }
  },
  unmounted() {
    for (const stop of this.stops) stop();
    removeEventListener("popstate", this.back);
    this.watcher.disconnect();
    clearInterval(this.timer);
    clearTimeout(this.typing);
  },
  methods: {
    plural, short, money, number, ending, when, whole,
    iso: (ms) => new Date(ms).toISOString(),
    ended: (run) => ENDED.includes(run.status),
    state: (run) => GROUP_STATUS[run.status] ?? { label: run.status, tag: "" },
    href: (run) => `/groups/${encodeURIComponent(run.id)}`,
    did: (person) => person.did.map((deed) => DEEDS[deed] ?? deed).join(", "),
    hitHref(run, hit) {
      return hit.agent ? `${this.href(run)}?agent=${encodeURIComponent(hit.agent)}&at=${hit.seq}` : this.href(run);
    },
    lasted(run) {
      if (!run.started_at) return "–";
      return span((run.ended_at || Date.now()) - run.started_at);
    },
    /** What can be chosen; what the address names stays there even when no run knows it. */
    options(kind, chosen) {
      const known = this.choices[kind];
      return !chosen || known.some((one) => one.id === chosen) ? known : [...known, { id: chosen, name: chosen }];
    },
    // --- asking ---
    typed() {
      clearTimeout(this.typing);
      this.typing = setTimeout(() => this.apply(true), TYPED_MS);
    },
    toggle(key) {
      const { state } = this.asked;
      this.asked.state = state.includes(key) ? state.filter((one) => one !== key) : [...state, key];
      this.apply();
    },
    clear() {
      this.asked = { ...EMPTY, state: [] };
      this.apply();
      this.$refs.q.focus();
    },
    unfilter() {
      this.asked = { ...EMPTY, state: [], q: this.asked.q };
      this.apply();
    },
    widen() {
      this.asked.q = this.shown.q.trim().split(/\s+/).map((word) => `${word}*`).join(" ");
      this.apply();
    },
    /** The address changes with what is asked; while somebody types it is one place to go back to and not many. */
    apply(typing = false) {
      clearTimeout(this.typing);
      const address = addressOf(this.asked);
      if (address === location.pathname + location.search) return;
      if (typing && this.wasTyping) history.replaceState(history.state, "", address);
      else history.pushState(history.state, "", address);
      this.wasTyping = typing;
      this.load();
    },
    back() {
      clearTimeout(this.typing);
      this.wasTyping = false;
      this.asked = fromAddress();
      this.load();
    },
    // --- reading ---
    /** The first page, or the one at ``cursor``. An answer to what nobody asks any more is left aside. */
    async load(cursor = "") {
      const turn = ++this.turn;
      const asked = JSON.parse(JSON.stringify(this.asked));
      const query = queryOf(asked);
      query.set("limit", PAGE);
      if (cursor) query.set("cursor", cursor);
      this.loading = true;
      try {
        const page = await api("GET", `/history?${query}`);
        if (turn !== this.turn) return;
        const known = new Set(cursor ? this.runs.map((run) => run.id) : []);
        const runs = page.runs.filter((run) => !known.has(run.id));
        this.runs = cursor ? [...this.runs, ...runs] : runs;
        Object.assign(this, { next: page.next, search: page.search, failed: null, shown: asked });
        this.told = this.runs.length ? `${plural(this.runs.length, "run")} shown${page.next ? ", there are more" : ""}` : "No run fits";
      } catch (error) {
        if (turn !== this.turn) return;
        if (!cursor) this.runs = [];
        Object.assign(this, { failed: error, shown: asked, next: cursor ? this.next : null });
      } finally {
        if (turn === this.turn) this.loading = false;
      }
    },
    async readChoices() {
      try {
        const { search, ...choices } = await api("GET", "/history/choices");
        Object.assign(this, { choices, search });
      } catch (error) {
        this.failed ??= error;
      }
    },
    async moreHits(run) {
      run.reading = true;
      try {
        const query = new URLSearchParams({ q: this.shown.q, cursor: run.more_hits });
        const { hits, more_hits } = await api("GET", `/groups/${encodeURIComponent(run.id)}/hits?${query}`);
        run.hits.push(...hits);
        run.more_hits = more_hits;
      } catch (error) {
        this.failed = error;
      } finally {
        run.reading = false;
      }
    },
    /** While the search is behind, what it has read since is looked at again. */
    async catchUp() {
      if (document.hidden || !this.search.behind || this.loading || this.catching) return;
      this.catching = true;
      await this.readChoices();
      this.catching = false;
      if (!this.search.behind && this.shown.q && this.runs.length <= PAGE) this.load();
    },
    /** To the next or previous run by the keyboard. */
    move(by) {
      const names = [...this.$el.querySelectorAll(".past-name")];
      const here = names.findIndex((name) => name.closest(".past-run").contains(document.activeElement));
      const at = here < 0 ? (by > 0 ? 0 : names.length - 1) : here + by;
      names[Math.max(0, Math.min(names.length - 1, at))]?.focus();
    },
  },
};
