// The views of a group's page, and what narrows the sub-agents in all of them. The class on .room does the showing.
import { feedOf } from "/claw/feed.js";
import { onKey } from "/claw/keys.js";
import { room } from "/claw/room.js";
import { rosterOf } from "/claw/roster.js";
import { CHIPS, chipOf, sieve } from "/claw/sieve.js";
import { KEYED, VIEWS, views } from "/claw/views.js";
import { LOOKS } from "/claw/words.js";

const COUNT_MS = 250;

export default {
  props: { groupId: String },
  template: `
    <div class="room-tabs">
      <div class="seg room-views" role="group" aria-label="View">
        <button v-for="[key, label] in views" :key="key" type="button" :class="'room-tab-' + key" :aria-pressed="String(view === key)"
                :title="hint(key)" @click="choose(key)">
          {{ label }}<span v-if="key === 'inbox' && waiting" class="count">{{ waiting }}</span></button>
      </div>
      <div id="room-bar"><div class="wall-bar">
        <label class="wall-filter"><span class="sr">Filter sub-agents</span>
          <input ref="filter" class="input" type="search" placeholder="Filter by name, task, driver…" :value="text"
                 @input="look" @keydown.escape.prevent="clear" autocomplete="off" spellcheck="false">
          <kbd class="kbd" aria-hidden="true">/</kbd></label>
        <div class="wall-legend" role="group" aria-label="Show only">
          <button v-for="key in chips" :key="key" type="button" class="chip chip-look" :data-look="key"
                  :aria-pressed="String(shown.has(key))" @click="toggle(key)">
            <i class="dot"></i>{{ looks[key].label }}<span v-if="counts[key]" class="num chip-n">{{ counts[key] }}</span></button>
        </div>
        <div id="wall-size"></div>
      </div></div>
      <p v-if="note" class="room-note" :class="'room-note-' + status" role="status">{{ note }}</p>
    </div>`,
  data: () => ({
    view: "", views: VIEWS, status: "", waiting: 0, text: "", shown: new Set(), chips: CHIPS, looks: LOOKS, counts: {},
  }),
  computed: {
    note() {
      return {
        paused: "The group is paused: everybody stands still at a step boundary.",
        finished: "The group has finished.", cancelled: "The group was stopped.", draft: "Not started yet.",
      }[this.status];
    },
  },
  mounted() {
    this.feed = feedOf(this.groupId);
    this.roster = rosterOf(this.groupId);
    this.narrow = matchMedia("(max-width: 700px)");
    views.suggest(this.narrow.matches ? "inbox" : "wall");
    views.read();
    this.stops = [
      views.watch((view) => this.show(view)),
      sieve.watch(() => Object.assign(this, { text: sieve.text, shown: sieve.shown })),
      this.feed.subscribe(() => this.read()),
      room.on("select", (id) => id && this.view === "result" && !views.following && views.choose("wall")),
      onKey("/", "Filter the sub-agents", () => this.$refs.filter.focus()),
      ...KEYED.map((view, at) => onKey(String(at + 1), `Show the ${view}`, () => views.choose(view))),
    ];
    this.counting = setInterval(() => this.count(), COUNT_MS);
    this.read();
  },
  unmounted() {
    for (const stop of this.stops) stop();
    clearInterval(this.counting);
  },
  methods: {
    read() {
      const { group, requests } = this.feed.state;
      if (!group) return;
      const first = !this.status;
      this.status = group.status;
      this.waiting = requests.size;
      if (first && group.status === "finished" && !room.selected) views.suggest("result");
      if (first) this.count();
    },
    count() {
      if (document.hidden) return;
      const counts = {};
      for (const { look } of this.roster.of.values()) counts[chipOf(look)] = (counts[chipOf(look)] ?? 0) + 1;
      if (CHIPS.some((key) => counts[key] !== this.counts[key])) this.counts = counts;
    },
    choose: (view) => views.choose(view),
    show(view) {
      this.view = view;
      document.querySelector(".room").dataset.view = view;
      document.dispatchEvent(new CustomEvent("claw:view", { detail: view }));
    },
    hint(key) {
      const at = KEYED.indexOf(key);
      return at < 0 ? null : `Key ${at + 1}`;
    },
    // --- the filter ---
    look: (event) => sieve.set(event.target.value),
    toggle: (chip) => sieve.toggle(chip),
    clear(event) {
      if (sieve.text) sieve.set("");
      else event.target.blur();
    },
  },
};
