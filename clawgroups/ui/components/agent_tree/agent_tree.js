// Who works for whom: an ARIA tree in which only the rows in sight are in the page, with sums over everybody below.
import { DEEDS, bulk, touchedBy, whyNotMany } from "/claw/bulk.js";
import { feedOf } from "/claw/feed.js";
import { room } from "/claw/room.js";
import { rosterOf } from "/claw/roster.js";
import { Rows, make, put } from "/claw/rows.js";
import { sieve } from "/claw/sieve.js";
import { views } from "/claw/views.js";
import { LOOKS, money, plural, stateWords, whole } from "/claw/words.js";

const ROW = 30;
const BEAT_MS = 500;
const TYPING_MS = 800;
const ACTS = ["pause", "resume", "steer", "cancel"];
const LABELS = { steer: "Steer all…", cancel: "End…" };

export default {
  props: { groupId: String },
  template: `
    <section class="tree" aria-label="Tree of sub-agents">
      <div class="view-bar">
        <div class="grow"><template v-if="chosen"><b class="cut"><bdi>{{ chosen.name }}</bdi></b>
          <span class="num">{{ chosen.below ? 'and ' + chosen.below + ' below' : 'has nobody below' }}</span></template>
          <span v-else class="cut">Choose a sub-agent to act on it and everybody below.</span></div>
        <div v-if="chosen" class="row" role="group" aria-label="Act on it and everybody below">
          <button v-for="act in acts" :key="act" type="button" class="btn btn-small" :class="{ 'btn-danger': act === 'cancel' }"
                  :data-act="act" :disabled="Boolean(off(act)) || !chosen.can[act]" :title="off(act) || null" @click="deed(act)">
            {{ label(act) }} <span v-if="chosen.can[act]" class="num">{{ chosen.can[act] }}</span></button>
        </div>
        <div class="row">
          <button type="button" class="btn btn-small btn-ghost" @click="openAll(true)">Expand all</button>
          <button type="button" class="btn btn-small btn-ghost" @click="openAll(false)">Collapse all</button>
        </div>
      </div>
      <div v-if="phase === 'loading'" class="view-loading" aria-busy="true" aria-label="Loading"><div v-for="n in 12" :key="n" class="skeleton"></div></div>
      <div v-else-if="phase === 'gone'" class="blank" role="alert"><div class="blank-title">This group cannot be watched</div>
        <div class="blank-text">{{ reason }}</div></div>
      <div v-else-if="!total" class="blank"><div class="blank-title">No sub-agents yet</div>
        <div class="blank-text">The conductor makes them once the group has started.</div></div>
      <div v-else-if="!found" class="blank"><div class="blank-title">Nobody fits the filter</div>
        <div class="blank-text">Change the words or the states above.</div></div>
      <div v-show="phase === 'live' && found" class="tree-frame" :class="{ 'view-stale': stale }">
        <div class="tree-head" aria-hidden="true"><span>Sub-agent</span><span>State</span><span>Driver</span><span>Steps</span>
          <span>Tok/s</span><span>Cost</span><span class="tree-needs">Needs you</span></div>
        <div ref="scroller" class="tree-scroll"><div ref="body" class="tree-body" role="tree" aria-label="Sub-agents by who made them"
             @keydown="key" @click="click"></div></div>
      </div>
    </section>`,
  data: () => ({ phase: "loading", reason: "", stale: false, total: 0, found: 0, chosen: null, acts: ACTS }),
  created() {
    this.closed = new Set();
    this.sums = new Map();
  },
  mounted() {
    this.feed = feedOf(this.groupId);
    this.roster = rosterOf(this.groupId);
    this.rows = new Rows(this.$refs.scroller, this.$refs.body, { height: ROW, make: makeRow, write: (row, item) => this.write(row, item) });
    this.stops = [
      this.roster.subscribe((news) => this.hear(news)),
      this.feed.subscribe((message) => message.type === "connection" && this.connection(message)),
      sieve.watch(() => this.rebuild()),
      room.on("select", (id) => this.select(id)),
      views.watch((view) => this.switched(view)),
    ];
    this.beat = setInterval(() => this.on && !document.hidden && this.sum(), BEAT_MS);
    this.rebuild();
  },
  unmounted() {
    for (const stop of this.stops) stop();
    clearInterval(this.beat);
    this.rows.remove();
  },
  methods: {
    label: (act) => LABELS[act] ?? DEEDS[act].label,
    off: whyNotMany,
    switched(view) {
      this.on = view === "tree";
      if (this.on) this.$nextTick(() => (this.rebuild(), this.select(room.selected)));
    },
    connection({ phase, reason }) {
      this.stale = phase === "reconnecting";
      if (phase === "gone") Object.assign(this, { phase, reason });
    },
    hear({ changed, shape }) {
      this.total = this.roster.of.size;
      if (!this.on) return;
      if (shape || !sieve.open || this.phase === "loading") return this.rebuild();
      this.sum(false);
      this.rows.update(changed);
      this.count();
    },
    // --- what is shown ---
    rebuild() {
      if (!this.feed.state.group) return;
      if (this.phase === "loading") this.phase = "live";
      this.total = this.roster.of.size;
      if (!this.on) return;
      const items = [];
      const fitting = sieve.open ? null : this.fitting();
      const walk = (ids, level) => {
        const shown = fitting ? ids.filter((id) => fitting.has(id)) : ids;
        shown.forEach((id, at) => {
          const inner = this.roster.children(id);
          const below = fitting ? inner.filter((one) => fitting.has(one)) : inner;
          const open = below.length > 0 && (Boolean(fitting) || !this.closed.has(id)); // what was looked for is never folded away
          items.push({ key: id, level, open, inner: below.length, at: at + 1, of: shown.length });
          if (open) walk(below, level + 1);
        });
      };
      walk(this.roster.children(""), 1);
      this.found = items.length;
      this.sum(false);
      this.rows.set(items);
      this.count();
    },
    /** Those that are looked for, and everybody above them. */
    fitting() {
      const found = new Set();
      for (const id of this.roster.of.keys())
        if (this.roster.fits(id)) for (let up = id; up && !found.has(up); up = this.roster.of.get(up)?.tile.parent) found.add(up);
      return found;
    },
    sum(update = true) {
      this.sums.clear();
      const { rates } = this.feed.state;
      const walk = (id) => {
        const { tile, asked } = this.roster.of.get(id);
        const rate = rates.get(id)?.rate ?? 0;
        const made = { steps: tile.step, cost: tile.cost, asked, rate: rate > 0.5 ? rate : 0, below: 0 };
        for (const child of this.roster.children(id)) {
          const inner = walk(child);
          for (const name of ["steps", "cost", "asked", "rate"]) made[name] += inner[name];
          made.below += inner.below + 1;
        }
        this.sums.set(id, made);
        return made;
      };
      for (const id of this.roster.children("")) walk(id);
      if (update) this.rows.update(this.rows.items.map((item) => item.key));
      else for (const { key, level } of this.rows.items) if (level === 1) this.rows.update([key]);
    },
    write(row, item) {
      const one = this.roster.of.get(item.key);
      if (!one) return;
      const { tile, look } = one;
      const sum = this.sums.get(item.key);
      const { parts } = row;
      const state = stateWords(tile, look);
      const driver = tile.driver?.name ?? "";
      const set = (name, value) => row.getAttribute(name) !== value && row.setAttribute(name, value);
      row.dataset.look = look;
      row.style.setProperty("--level", item.level);
      set("aria-level", String(item.level));
      set("aria-posinset", String(item.at));
      set("aria-setsize", String(item.of));
      set("aria-selected", String(item.key === room.selected));
      if (item.inner) set("aria-expanded", String(item.open));
      else row.removeAttribute("aria-expanded");
      const who = driver && look !== "hum" ? `, driven by ${driver}` : "";
      const needs = sum.asked ? `, ${sum.asked} need${sum.asked === 1 ? "s" : ""} you` : "";
      set("aria-label", `${tile.name}: ${state}${who}, ${plural(sum.steps, "step")}${needs}${sum.below ? `, with ${sum.below} below` : ""}`);
      row.classList.toggle("tree-aside", !sieve.open && !this.roster.fits(item.key));
      put(parts.twist, item.inner ? (item.open ? "▾" : "▸") : "");
      put(parts.name, tile.name);
      put(parts.title, tile.title && tile.title !== tile.name ? tile.title : "");
      put(parts.icon, LOOKS[look].icon);
      put(parts.state, state);
      put(parts.driver, driver);
      put(parts.steps, whole(sum.steps));
      put(parts.rate, sum.rate ? whole(sum.rate) : "");
      put(parts.cost, sum.cost ? money(sum.cost) : "");
      put(parts.asked, sum.asked ? String(sum.asked) : "");
      row.dataset.asked = sum.asked ? "yes" : "";
    },
    // --- choosing ---
    select(id) {
      if (!this.on) return;
      this.count();
      if (id && this.roster.of.has(id) && this.rows.indexOf(id) < 0) {
        for (let up = this.roster.of.get(id).tile.parent; up; up = this.roster.of.get(up)?.tile.parent) this.closed.delete(up);
        this.rebuild();
      }
      this.rows.update(this.rows.items.map((item) => item.key));
      if (id && this.rows.indexOf(id) >= 0) this.rows.activate(id, this.$refs.body.contains(document.activeElement));
      else if (!id) this.rows.regain(); // the drawer goes
    },
    count() {
      const id = room.selected;
      const one = id && this.roster.of.get(id);
      if (!one) return void (this.chosen = null);
      const ids = this.roster.under(id);
      const can = Object.fromEntries(ACTS.map((act) => [act, touchedBy(act, this.roster, ids).length]));
      this.chosen = { id, name: one.tile.name, below: ids.length - 1, can };
    },
    deed(act) {
      return bulk(act, this.roster, this.roster.under(this.chosen.id), this.groupId);
    },
    click(event) {
      const row = event.target.closest(".tree-row");
      if (!row) return;
      const { key } = row.dataset;
      if (event.target.closest(".tree-twist") && row.hasAttribute("aria-expanded")) return this.toggle(key);
      this.rows.activate(key);
      room.select(key);
    },
    toggle(id, open = this.closed.has(id)) {
      if (open) this.closed.delete(id);
      else this.closed.add(id);
      this.rebuild();
      this.rows.activate(id);
    },
    openAll(open) {
      this.closed = open ? new Set() : new Set([...this.roster.of.keys()].filter((id) => this.roster.children(id).length));
      this.rebuild();
    },
    // --- the keyboard ---
    key(event) {
      if (event.ctrlKey || event.metaKey || event.altKey || !event.target.closest(".tree-row")) return;
      const { items } = this.rows;
      const at = this.rows.indexOf(this.rows.active);
      const page = Math.max(1, Math.floor(this.$refs.scroller.clientHeight / ROW) - 1);
      const moves = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: items.length - 1, PageDown: at + page, PageUp: at - page };
      let used = true;
      if (event.key in moves) this.rows.activate(items[Math.max(0, Math.min(items.length - 1, moves[event.key]))].key);
      else if (event.key === "ArrowRight") this.inwards(items[at], at);
      else if (event.key === "ArrowLeft") this.outwards(items[at]);
      else if (event.key === "Enter") (room.select(items[at].key), room.tell("enter"));
      else if (event.key === " ") room.select(items[at].key);
      else used = this.typed(event.key, at);
      if (used) event.preventDefault();
    },
    inwards(item, at) {
      if (item.open) this.rows.activate(this.rows.items[at + 1].key);
      else if (item.inner) this.toggle(item.key, true);
    },
    outwards(item) {
      const { parent } = this.roster.of.get(item.key).tile;
      if (item.open && sieve.open) this.toggle(item.key, false);
      else if (parent) this.rows.activate(parent);
    },
    /** Letters go to the next row that begins with them; digits too, once a word has begun (alone they change the view). */
    typed(letter, at) {
      const fresh = performance.now() - (this.typedAt ?? -Infinity) > TYPING_MS;
      if (letter.length !== 1 || !(fresh ? /\p{L}/u : /[\p{L}\d._/-]/u).test(letter)) return false;
      this.typing = fresh ? letter.toLowerCase() : this.typing + letter.toLowerCase();
      this.typedAt = performance.now();
      const { items } = this.rows;
      const begins = this.typing.length === 1 ? at + 1 : at;
      for (let step = 0; step < items.length; step++) {
        const { key } = items[(begins + step) % items.length];
        const { tile } = this.roster.of.get(key);
        if (![tile.name, tile.title ?? ""].some((words) => words.toLowerCase().startsWith(this.typing))) continue;
        this.rows.activate(key);
        break;
      }
      return true;
    },
  },
};

function makeRow() {
  const row = make("div", "tree-row");
  row.setAttribute("role", "treeitem");
  const first = make("span", "tree-first", row);
  const twist = make("span", "tree-twist", first);
  make("i", "dot", first);
  const name = make("bdi", "", make("b", "tree-name cut", first));
  const title = make("bdi", "", make("span", "tree-title cut", first));
  const state = make("span", "tree-state", row);
  const icon = make("span", "tree-icon", state);
  const words = make("span", "cut", state);
  const cell = (field) => make("bdi", "", make("span", `tree-${field} cut num`, row));
  row.parts = { twist, name, title, icon, state: words, driver: cell("driver"), steps: cell("steps"), rate: cell("rate"), cost: cell("cost"), asked: cell("asked") };
  for (const child of row.children) child.setAttribute("aria-hidden", "true"); // the row's own label says it all
  return row;
}
