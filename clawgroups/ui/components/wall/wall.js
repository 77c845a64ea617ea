// The wall: stable tiles in groups by role. Tiles never move; what the filter leaves out only fades.
import { feedOf } from "/claw/feed.js";
import { Hover } from "/claw/hover.js";
import { room } from "/claw/room.js";
import { sieve } from "/claw/sieve.js";
import { BAR_MS, Tile } from "/claw/tile.js";
import { LOOKS, ORDER, lookOf, plural, whole } from "/claw/words.js";

const SAMPLE_MS = 500;
const HEADS_MS = 250;
const LEAST_TOP = 8; // tokens a second that a full bar stands for, at least
const MOST_LIVE = 320; // the feed tells the text of no more

export default {
  props: { groupId: String },
  template: `
    <section class="wall" aria-label="Sub-agents">
      <Teleport defer to="#wall-size">
        <div class="seg wall-density" role="group" aria-label="Size of the tiles">
          <button v-for="size in ['S', 'M', 'L']" :key="size" type="button" :aria-pressed="String(density === size)"
                  :aria-label="{S: 'Small tiles', M: 'Medium tiles', L: 'Large tiles with live text'}[size]"
                  @click="resize(size)">{{ size }}</button>
        </div>
      </Teleport>
      <div v-if="phase === 'loading'" class="wall-loading" aria-busy="true" aria-label="Loading">
        <div v-for="n in 48" :key="n" class="skeleton"></div></div>
      <div v-else-if="phase === 'gone'" class="blank" role="alert"><div class="blank-title">This group cannot be watched</div>
        <div class="blank-text">{{ reason }}</div></div>
      <div v-else-if="total === 0" class="blank"><div class="blank-title">No sub-agents yet</div>
        <div class="blank-text">{{ empty }}</div></div>
      <div v-show="phase === 'live' && total" ref="field" class="wall-field" :data-density="density" :class="{ 'wall-stale': stale }" @click="click"
           @keydown="arrow" @focusin="focused"></div>
    </section>`,
  data: () => ({
    density: localStorage.getItem("claw-density") || "M",
    phase: "loading", reason: "", total: 0, status: "", stale: false,
  }),
  computed: {
    empty() {
      return this.status === "draft" ? "Start the group: its conductor comes first, then those it makes." : "The conductor has not made any.";
    },
  },
  created() {
    this.tiles = new Map(); // plain objects, out of Vue's sight
    this.groups = new Map();
    this.asked = new Map();
    this.watched = new Set();
    this.top = LEAST_TOP;
  },
  mounted() {
    this.feed = feedOf(this.groupId);
    this.stops = [
      this.feed.subscribe((message) => this.hear(message)),
      room.on("select", (id) => this.mark(id)),
      sieve.watch(() => this.refilter()),
    ];
    this.visible = new IntersectionObserver((entries) => this.seen(entries), { root: this.$refs.field, rootMargin: "80px" });
    this.hover = new Hover(this.$refs.field, this.feed, (id) => this.tiles.get(id));
    this.sampling = setInterval(() => this.sample(), SAMPLE_MS);
    this.heads = setInterval(() => this.writeHeads(), HEADS_MS);
    if (this.feed.state.group) this.rebuild();
  },
  unmounted() {
    for (const stop of this.stops) stop();
    clearInterval(this.sampling);
    clearInterval(this.heads);
    this.visible.disconnect();
    this.hover.remove();
    for (const id of this.watched) this.feed.unwatch(id);
  },
  methods: {
    hear(message) {
      if (message.type === "snapshot") this.rebuild();
      else if (message.type === "batch") this.patch(message);
      else if (message.type === "text" && this.watched.has(message.agent)) this.speak(message.agent);
      else if (message.type === "connection") {
        this.stale = message.phase === "reconnecting";
        if (message.phase === "gone") Object.assign(this, { phase: "gone", reason: message.reason });
      }
    },
    rebuild() {
      const { state } = this.feed;
      this.phase = "live";
      this.status = state.group.status;
      for (const [id, tile] of this.tiles) if (!state.tiles.has(id)) tile.element.remove(), this.tiles.delete(id);
      this.count();
      for (const tile of state.tiles.values()) this.place(tile);
      this.total = this.tiles.size;
      this.writeHeads(true);
      this.mark(room.selected);
      this.refilter();
    },
    patch(message) {
      const { state } = this.feed;
      this.status = state.group.status;
      const changed = new Set(message.tiles);
      if (message.opened.length || message.closed.length) {
        const before = this.asked;
        this.count();
        for (const id of new Set([...before.keys(), ...this.asked.keys()])) changed.add(id);
      }
      const known = this.tiles.size;
      for (const id of changed) if (state.tiles.has(id)) this.place(state.tiles.get(id));
      this.total = this.tiles.size;
      const grown = this.tiles.size !== known;
      if (grown) this.mark(room.selected);
      if (grown || !sieve.open) this.refilter();
    },
    count() {
      this.asked = new Map();
      for (const request of this.feed.state.requests.values())
        this.asked.set(request.agent, (this.asked.get(request.agent) ?? 0) + 1);
    },
    place(state) {
      let tile = this.tiles.get(state.id);
      if (!tile) {
        tile = new Tile(state);
        tile.large(this.density === "L");
        this.tiles.set(state.id, tile);
        const group = this.groupOf(state);
        group.tiles.push(tile);
        group.grid.append(tile.element);
        this.visible.observe(tile.element);
      }
      if (tile.update(state, lookOf(state, this.asked.has(state.id)))) this.dirty = true;
    },
    groupOf(state) {
      const key = state.parent ? state.role || "sub-agents" : "conductor";
      let group = this.groups.get(key);
      if (!group) {
        group = makeGroup(key, this.$refs.field);
        this.groups.set(key, group);
      }
      return group;
    },
    writeHeads(force) {
      if (this.phase !== "live" || (document.hidden && !force)) return;
      for (const group of this.groups.values()) group.write(this.feed.state.rates);
    },
    sample() {
      if (document.hidden) return;
      const { rates } = this.feed.state;
      this.ticks = (this.ticks ?? 0) + 1;
      const shift = this.ticks % (BAR_MS / SAMPLE_MS) === 0;
      let most = LEAST_TOP;
      for (const [id, tile] of this.tiles) {
        const rate = rates.get(id)?.rate ?? 0;
        tile.sample(rate > 0.5 ? rate : 0, SAMPLE_MS / BAR_MS);
        most = Math.max(most, rate);
      }
      this.top = Math.max(most, this.top * 0.97);
      for (const tile of this.tiles.values()) {
        tile.draw(this.top);
        if (shift) tile.shift();
      }
    },
    // --- choosing ---
    mark(id) {
      this.field().querySelector('[aria-current="true"]')?.removeAttribute("aria-current");
      const tile = id && this.tiles.get(id);
      tile?.element.setAttribute("aria-current", "true");
      if (!id) this.marked = null;
      this.rove(tile?.element ?? this.field().querySelector('.tile[tabindex="0"]') ?? this.field().querySelector(".tile"));
      if (!tile || id === this.marked) return;
      this.marked = id; // the drawer that opens beside it makes the rows shorter, so look again after that
      const show = () => tile.element.scrollIntoView({ block: "nearest" });
      requestAnimationFrame(() => requestAnimationFrame(show));
    },
    field() {
      return this.$refs.field;
    },
    rove(element) {
      if (!element) return;
      for (const old of this.field().querySelectorAll('.tile[tabindex="0"]')) old.tabIndex = -1;
      element.tabIndex = 0;
    },
    click(event) {
      const tile = event.target.closest(".tile");
      if (tile) room.select(tile.dataset.id);
    },
    focused(event) {
      const tile = event.target.closest(".tile");
      if (tile) this.rove(tile);
    },
    arrow(event) {
      const from = event.target.closest(".tile");
      const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
      if (!from) return;
      const all = [...this.field().querySelectorAll(".tile:not(.tile-out)")];
      let to = null;
      if (event.key === "Home") to = all[0];
      else if (event.key === "End") to = all.at(-1);
      else if (steps[event.key]) to = neighbour(from, all, ...steps[event.key]);
      if (!to) return;
      event.preventDefault();
      to.focus();
    },
    // --- filter and size ---
    refilter() {
      let matching = 0;
      for (const tile of this.tiles.values()) {
        const fits = sieve.fits(tile.found, tile.look);
        tile.element.classList.toggle("tile-out", !fits);
        matching += fits;
      }
      room.tell("filter", { matching, total: this.tiles.size });
    },
    resize(size) {
      this.density = size;
      localStorage.setItem("claw-density", size);
      for (const tile of this.tiles.values()) tile.large(size === "L");
      this.$nextTick(() => {
        for (const tile of this.tiles.values()) {
          this.visible.unobserve(tile.element);
          this.visible.observe(tile.element);
        }
      });
    },
    seen(entries) {
      for (const { target, isIntersecting } of entries) {
        const id = target.dataset.id;
        const wanted = isIntersecting && this.density === "L" && (this.watched.has(id) || this.watched.size < MOST_LIVE);
        if (wanted === this.watched.has(id)) continue;
        if (wanted) this.watched.add(id), this.feed.watch(id);
        else this.watched.delete(id), this.feed.unwatch(id);
      }
    },
    speak(id) {
      const { text, reasoning } = this.feed.textOf(id);
      this.tiles.get(id)?.say(text || reasoning);
    },
  },
};

function makeGroup(key, field) {
  const section = document.createElement("section");
  section.className = "wall-group";
  section.dataset.role = key;
  section.innerHTML =
    '<div class="wall-head"><h2></h2><span class="num wall-count"></span><span class="bar" aria-hidden="true"></span>' +
    '<span class="wall-att"></span><span class="wall-bad"></span><span class="wall-rate num"></span></div><div class="wall-grid"></div>';
  const [head, grid] = section.children;
  const [title, count, bar, att, bad, rate] = head.children;
  title.textContent = key;
  grid.setAttribute("role", "group");
  grid.setAttribute("aria-label", `${key}; arrow keys move, Enter opens`);
  field.append(section);
  const put = (element, text) => element.textContent !== text && (element.textContent = text);
  const tiles = [];
  return {
    grid, tiles,
    write(rates) {
      const counts = {};
      let speed = 0;
      for (const tile of tiles) {
        counts[tile.look] = (counts[tile.look] ?? 0) + 1;
        speed += rates.get(tile.id)?.rate ?? 0;
      }
      put(count, whole(tiles.length));
      put(att, counts.att ? `${counts.att} need${counts.att === 1 ? "s" : ""} you` : "");
      put(bad, counts.bad ? `${counts.bad} failed` : "");
      put(rate, speed >= 1 ? `${whole(speed)} tok/s` : "");
      const shape = ORDER.filter((look) => counts[look]).map((look) => `${look}:${counts[look]}`).join(" ");
      if (bar.dataset.shape === shape) return;
      bar.dataset.shape = shape;
      bar.replaceChildren(...ORDER.filter((look) => counts[look]).map((look) => {
        const part = document.createElement("i");
        part.dataset.look = look;
        part.style.flexGrow = counts[look];
        return part;
      }));
      head.title = ORDER.filter((look) => counts[look]).map((look) => plural(counts[look], LOOKS[look].label.toLowerCase(), LOOKS[look].label.toLowerCase())).join(", ");
    },
  };
}

function neighbour(from, all, dx, dy) {
  const at = all.indexOf(from);
  if (dx) return all[at + dx];
  const here = from.getBoundingClientRect();
  const middle = here.left + here.width / 2;
  let best = null;
  let bestRow = Infinity;
  let bestAside = Infinity;
  for (const one of all) {
    const there = one.getBoundingClientRect();
    const rows = (there.top - here.top) * dy;
    const aside = Math.abs(there.left + there.width / 2 - middle);
    if (rows <= 1 || rows > bestRow + 1) continue;
    if (rows < bestRow - 1 || aside < bestAside) [best, bestRow, bestAside] = [one, rows, aside];
  }
  return best;
}
