// The command palette: pages, groups, sub-agents, views, deeds. A combobox with a listbox, in a dialog.
import { api } from "/claw/api.js";
import { everything, searchItem, watchPlace } from "/claw/finds.js";
import { rank } from "/claw/fuzzy.js";
import { dialogOpen, inShell, onKey, tellKey } from "/claw/keys.js";
import "/claw/notify.js";
import { keepRecent, recent } from "/claw/recent.js";
import { sayError } from "/claw/say.js";

const MAC = /Mac|iP(hone|ad)/.test(navigator.platform);
const MOST_FOUND = 40;
const MOST_OF = { Groups: 6, "Sub-agents": 6, Recent: 5 }; // while nothing is typed
const PAGE = 8;
const SETTLE_MS = 300;
const CHOOSE = "Type a word, or choose with the arrow keys.";

/** Something that is done to a group or a sub-agent: never by Enter alone, on an open palette that nobody looked at. */
const isDeed = (item) => /^(deed|group-deed):|^sign-out$/.test(item.key);

export default {
  template: `
<div class="find">
  <button ref="hint" type="button" class="find-hint" aria-haspopup="dialog" :aria-keyshortcuts="mac ? 'Meta+K' : 'Control+K'" title="Find or do anything" aria-label="Find or do anything" @click="show">
    <svg viewBox="0 0 24 24" aria-hidden="true"><circle cx="11" cy="11" r="6.5"/><path d="M16 16l4.5 4.5"/></svg>
    <span class="find-word">Find…</span><kbd class="kbd" aria-hidden="true">{{ mac ? "⌘K" : "Ctrl K" }}</kbd></button>
  <dialog ref="dialog" class="finder" aria-label="Find or do anything" @close="closed" @pointerdown.self="close">
    <div class="finder-box" v-if="open">
      <div class="finder-top"><svg viewBox="0 0 24 24" aria-hidden="true"><circle cx="11" cy="11" r="6.5"/><path d="M16 16l4.5 4.5"/></svg>
        <input ref="input" v-model="query" class="finder-input" type="text" role="combobox" aria-label="What do you want to find or do?" aria-expanded="true" aria-controls="finder-list"
          aria-autocomplete="list" :aria-activedescendant="active ? idOf(active) : null" placeholder="A sub-agent, a group, a page, a deed…" maxlength="200" autocomplete="off" spellcheck="false" @keydown="key">
        <button type="button" class="btn btn-icon btn-small btn-ghost finder-close" aria-label="Close" @click="close">×</button></div>
      <p v-if="why" class="finder-why" role="alert">{{ why }}</p>
      <div id="finder-list" ref="list" class="finder-list" role="listbox" aria-label="Found">
        <div v-for="part in parts" :key="part.name" role="group" :aria-labelledby="'finder-' + part.at">
          <div :id="'finder-' + part.at" class="finder-section" role="presentation">{{ part.name }}</div>
          <div v-for="one in part.rows" :key="one.item.key" :id="idOf(one.item)" class="finder-row" role="option" :aria-selected="String(active?.key === one.item.key)" :aria-disabled="one.item.off ? 'true' : null"
            :title="one.item.off || null" @pointermove="point(one.item, $event)" @click="choose(one.item)">
            <span class="finder-label"><bdi><template v-for="(p, n) in one.parts" :key="n"><mark v-if="p.hit">{{ p.text }}</mark><template v-else>{{ p.text }}</template></template></bdi></span>
            <span class="finder-note cut"><bdi>{{ one.item.off || one.item.hint }}</bdi></span>
            <span v-if="query && one.item.section" class="finder-of">{{ one.item.section }}</span><kbd v-if="one.item.kbd" class="kbd" aria-hidden="true">{{ one.item.kbd }}</kbd></div>
        </div>
        <p v-if="problem" class="finder-none">{{ problem }}</p>
      </div>
      <footer class="finder-foot" aria-hidden="true"><span><kbd class="kbd">↑</kbd> <kbd class="kbd">↓</kbd> choose</span><span><kbd class="kbd">⏎</kbd> do it</span><span><kbd class="kbd">Esc</kbd> close</span></footer>
      <span class="sr" role="status">{{ told }}</span>
    </div>
  </dialog>
</div>`,
  data: () => ({ mac: MAC, open: false, query: "", items: [], lately: [], groups: [], activeKey: "", problem: "", why: "" }),
  computed: {
    parts() {
      const words = this.query.trim();
      const rows = words ? this.found(words) : this.offered();
      const made = new Map();
      for (const one of rows) {
        const name = words ? "Found" : one.section ?? one.item.section;
        if (!made.has(name)) made.set(name, []);
        made.get(name).push(one);
      }
      return [...made].map(([name, rows], at) => ({ name, rows, at }));
    },
    rows() {
      return this.parts.flatMap((part) => part.rows.map((one) => one.item));
    },
    active() {
      const first = this.rows.find((item) => !item.off) ?? this.rows[0] ?? null;
      const chosen = this.rows.find((item) => item.key === this.activeKey);
      return chosen ?? (first && !this.query.trim() && isDeed(first) ? null : first);
    },
    told() {
      return `${this.rows.length} found`;
    },
  },
  watch: {
    query() {
      this.activeKey = "";
      this.why = "";
      this.$nextTick(() => this.$refs.list && (this.$refs.list.scrollTop = 0));
    },
  },
  mounted() {
    this.hear = (event) => this.press(event);
    addEventListener("keydown", this.hear, true); // before an editor or a terminal takes it
    tellKey(MAC ? "⌘ K" : "Ctrl K", "Find or do anything");
    this.stop = onKey("/", "Find or do anything", () => this.show(), { spare: true });
  },
  unmounted() {
    removeEventListener("keydown", this.hear, true);
    this.stop();
    this.unwatch?.();
    clearTimeout(this.settling);
  },
  methods: {
    idOf: (item) => `finder-row-${item.key.replace(/[^\w-]/g, "_")}`,
    press(event) {
      const held = MAC ? event.metaKey && !event.ctrlKey : event.ctrlKey && !event.metaKey;
      if (event.key?.toLowerCase() !== "k" || !held || event.altKey || event.shiftKey || event.isComposing) return;
      if (event.target instanceof Element && inShell(event.target) && event.ctrlKey) return; // the shell's own
      if (!this.open && dialogOpen()) return; // whoever answers a question is not led away from it
      event.preventDefault();
      event.stopPropagation();
      if (this.$refs.dialog.open) this.close();
      else this.show();
    },
    show() {
      if (this.$refs.dialog.open) return;
      this.closed(); // Escape closes at once and tells it a little later; a key that comes before that is meant
      Object.assign(this, { open: true, query: "", activeKey: "", problem: "", why: "" });
      this.read();
      this.unwatch = watchPlace(() => this.settle());
      this.$refs.dialog.showModal();
      this.$nextTick(() => this.$refs.input?.focus());
      this.loadGroups();
    },
    close() {
      this.$refs.dialog.close();
    },
    closed() {
      if (this.$refs.dialog.open) return; // it was opened again before this was told
      this.open = false;
      this.unwatch?.();
      clearTimeout(this.settling);
      this.settling = undefined;
    },
    /** Rows that changed are drawn anew now and then; one that was walked to stays the chosen one. */
    settle() {
      this.settling ??= setTimeout(() => {
        this.settling = undefined;
        if (this.open) this.read();
      }, SETTLE_MS);
    },
    read() {
      this.items = everything(this.groups);
      this.lately = recent();
    },
    async loadGroups() {
      try {
        this.groups = (await api("GET", "/groups?limit=100")).groups;
      } catch (error) {
        this.problem = `The groups could not be read. ${error.message}`;
      }
      if (this.open) this.read();
    },
    /** What was chosen lately and can be chosen here, then a few of everything. */
    offered() {
      const here = new Map(this.items.map((item) => [item.key, item]));
      const plain = (item, section) => ({ item, section, parts: [{ text: item.label, hit: false }] });
      const known = this.lately.map((one) => here.get(one.key) ?? (one.href && { off: "", kbd: "", words: "", hint: "", ...one })).filter(Boolean);
      const rows = known.slice(0, MOST_OF.Recent).map((item) => plain(item, "Recent"));
      const shown = new Set(rows.map((one) => one.item.key));
      const counts = {};
      for (const item of this.items) {
        if (item.byWords) continue;
        counts[item.section] = (counts[item.section] ?? 0) + 1;
        if (!shown.has(item.key) && counts[item.section] <= (MOST_OF[item.section] ?? Infinity)) rows.push(plain(item, item.section));
      }
      return rows;
    },
    found(words) {
      const place = new Map(this.lately.map((one, at) => [one.key, at]));
      const here = new Set(this.items.map((item) => item.key));
      const others = this.lately.filter((one) => one.href && !here.has(one.key)).map((one) => ({ off: "", kbd: "", words: "", hint: "", ...one }));
      const bonus = (item) => (place.has(item.key) ? 16 - place.get(item.key) : 0) - (item.off ? 25 : 0);
      const rows = rank(words, [...this.items, ...others], bonus).slice(0, MOST_FOUND);
      const search = searchItem(words);
      return [...rows, { item: search, parts: [{ text: search.label, hit: false }] }];
    },
    point(item, { movementX, movementY }) {
      if (!movementX && !movementY) return; // the pointer lies where the row came to be
      if (this.activeKey !== item.key) this.activeKey = item.key;
    },
    key(event) {
      if (event.isComposing) return;
      const at = this.rows.indexOf(this.active);
      const last = this.rows.length - 1;
      const to = { ArrowDown: at >= last ? 0 : at + 1, ArrowUp: at <= 0 ? last : at - 1, PageDown: Math.min(at + PAGE, last), PageUp: Math.max(at - PAGE, 0) }[event.key];
      if (to !== undefined) this.go(to);
      else if (event.key === "Enter") this.active ? this.choose(this.active) : (this.why = CHOOSE);
      else return;
      event.preventDefault();
    },
    go(to) {
      if (!this.rows.length) return;
      this.why = "";
      this.activeKey = this.rows[to].key;
      this.$nextTick(() => this.$refs.list?.querySelector('[aria-selected="true"]')?.scrollIntoView({ block: "nearest" }));
    },
    async choose(item) {
      if (item.off) {
        this.activeKey = item.key;
        this.why = item.off;
        return;
      }
      keepRecent(item);
      this.close();
      try {
        if (item.run) await item.run();
        else location.assign(item.href);
      } catch (error) {
        sayError(error);
      }
    },
  },
};
