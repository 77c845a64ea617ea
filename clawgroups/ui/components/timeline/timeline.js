// What every sub-agent did when. Row heads are in the page, for keyboard and screen readers; the lanes are on one canvas.
import { feedOf } from "/claw/feed.js";
import { AXIS, LaneCanvas, ROW } from "/claw/lane_canvas.js";
import { chooseStep, laneHead, laneRows, placeTip } from "/claw/lane_rows.js";
import { Lanes, under } from "/claw/lanes.js";
import { Pointer } from "/claw/pan_zoom.js";
import { room } from "/claw/room.js";
import { rosterOf } from "/claw/roster.js";
import { Rows, put } from "/claw/rows.js";
import { sieve } from "/claw/sieve.js";
import { shortName } from "/claw/tile.js";
import { views } from "/claw/views.js";
import { clock, plain, plural, stateWords, timeOfDay, whole } from "/claw/words.js";

const BEAT_MS = 250;
const SETTLE_MS = 250;
const AGAIN_MS = 10000; // what is in sight is read anew, for what came between two batches of the feed
const LEAST_MS = 400; // the closest look
const AHEAD = 0.04; // room to the right of now

export default {
  props: { groupId: String },
  template: `
    <section class="tl" aria-label="Timeline">
      <div class="view-bar">
        <div class="seg" role="group" aria-label="What is shown of the time">
          <button type="button" :aria-pressed="String(mode === 'fit')" @click="fit" title="Key 0">Fit</button>
          <button type="button" :aria-pressed="String(mode === 'now')" :disabled="!live" @click="follow">Now</button>
          <button type="button" aria-label="Zoom out" title="Key −" @click="zoom(1.6)">−</button>
          <button type="button" aria-label="Zoom in" title="Key +" @click="zoom(1 / 1.6)">+</button>
        </div>
        <div class="grow"><button v-if="path" type="button" class="chip tl-path" :aria-pressed="String(marked)" @click="mark"
             title="The longest chain of steps that had to be one after another: what would be left with endless parallel work">
          <span aria-hidden="true">◆</span> Critical path: <b class="num">{{ whole(path.steps) }}</b> of {{ plural(path.total, 'step') }}</button></div>
        <span class="tl-legend" aria-hidden="true"><i class="tl-key tl-key-step"></i>step <i class="tl-key tl-key-tool"></i>tool
          <i class="tl-key tl-key-att"></i>needs you <i class="tl-key tl-key-hum"></i>person <i class="tl-key tl-key-pause"></i>paused</span>
      </div>
      <div v-if="problem" class="blank" role="alert"><div class="blank-title">The timeline could not be read</div>
        <div class="blank-text">{{ problem }}</div><button type="button" class="btn" @click="load">Try again</button></div>
      <div v-else-if="phase === 'loading'" class="view-loading" aria-busy="true" aria-label="Loading"><div v-for="n in 12" :key="n" class="skeleton"></div></div>
      <div v-else-if="!total" class="blank"><div class="blank-title">No sub-agents yet</div>
        <div class="blank-text">The conductor makes them once the group has started.</div></div>
      <div v-else-if="!found" class="blank"><div class="blank-title">Nobody fits the filter</div>
        <div class="blank-text">Change the words or the states above.</div></div>
      <div v-show="ready" ref="stage" class="tl-stage" :class="{ 'view-stale': stale }">
        <div class="tl-corner">{{ corner }}</div>
        <canvas ref="canvas" class="tl-canvas" aria-hidden="true"></canvas>
        <div ref="scroller" class="tl-scroll"><div ref="body" class="tl-body" role="tree" aria-label="Lanes of the timeline" aria-describedby="tl-help"
             @keydown="key" @click="headClick"></div></div>
        <p id="tl-help" class="sr">Up and down choose a lane, left and right move in time, plus and minus zoom, 0 shows everything, Enter opens a sub-agent.</p>
      </div>
      <div v-show="tip" ref="tip" class="tl-tip" aria-hidden="true"><template v-if="tip"><b><bdi>{{ tip.name }}</bdi></b>
        <p v-for="(line, n) in tip.lines" :key="n" :class="{ muted: n }">{{ line }}</p></template></div>
    </section>`,
  data: () => ({
    phase: "loading", problem: "", stale: false, total: 0, found: 0, mode: "fit", marked: true, path: null, live: false, tip: null, leftOut: 0,
  }),
  computed: {
    ready() {
      return this.phase === "live" && !this.problem && this.found > 0;
    },
    corner() {
      return this.leftOut ? `${whole(this.leftOut)} not shown` : "Sub-agent";
    },
  },
  created() {
    this.closed = new Set();
    this.view = { from: 0, to: 1000 };
  },
  mounted() {
    this.feed = feedOf(this.groupId);
    this.roster = rosterOf(this.groupId);
    this.lanes = new Lanes(this.groupId, this.roster);
    this.rows = new Rows(this.$refs.scroller, this.$refs.body, { height: ROW, make: laneHead, write: (head, item) => this.write(head, item) });
    this.paper = new LaneCanvas(this.$refs.canvas);
    this.pointer = new Pointer(this.$refs.scroller, {
      left: () => this.$refs.canvas.offsetLeft, zoom: (by, share) => this.zoom(by, share), pan: (share) => this.pan(share),
      tap: (x, y) => this.tap(x, y), over: (x, y, event) => this.over(x, y, event), out: () => (this.tip = null),
    });
    this.stops = [
      this.roster.subscribe((news) => this.hear(news)),
      this.feed.subscribe((message) => this.heard(message)),
      sieve.watch(() => this.on && this.rebuild()),
      room.on("select", (id) => this.select(id)),
      views.watch((view) => this.switched(view)),
    ];
    this.$refs.scroller.addEventListener("scroll", () => (this.draw(), this.soon()), { passive: true });
    this.size = new ResizeObserver(() => this.draw());
    this.size.observe(this.$refs.stage);
    this.theme = new MutationObserver(() => (this.paper.paint(), this.draw()));
    this.theme.observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
    this.beat = setInterval(() => this.tick(), BEAT_MS);
    this.again = setInterval(() => this.on && this.live && !document.hidden && this.look(true), AGAIN_MS);
  },
  unmounted() {
    for (const stop of this.stops) stop();
    clearInterval(this.beat);
    clearInterval(this.again);
    clearTimeout(this.settling);
    this.size.disconnect();
    this.theme.disconnect();
    this.pointer.remove();
    this.rows.remove();
  },
  methods: {
    plural, whole,
    // --- data ---
    switched(view) {
      this.on = view === "timeline";
      this.tip = null;
      if (this.on) this.load();
    },
    async load() {
      if (this.loading) return void (this.once = true);
      this.loading = true;
      try {
        await this.lanes.load();
        Object.assign(this, { problem: "", phase: "live" });
      } catch (error) {
        this.problem = `${error.message} ${error.hint ?? ""}`;
      } finally {
        this.loading = false;
      }
      if (this.once) {
        this.once = false;
        return this.load();
      }
      this.taken();
      this.rebuild();
      this.$nextTick(() => (this.settleView(), this.select(room.selected), this.draw()));
    },
    taken() {
      this.path = this.lanes.critical?.steps ? this.lanes.critical : null;
      this.onPath = new Set(this.path?.parts.map(([id]) => id));
      this.leftOut = this.lanes.leftOut;
    },
    heard(message) {
      if (message.type === "connection") {
        this.stale = message.phase === "reconnecting";
        if (message.phase === "gone") this.problem = message.reason || "This group cannot be watched.";
      } else if (message.type === "snapshot") {
        this.total = this.roster.of.size;
        if (this.on) this.load();
      }
    },
    hear({ changed, shape }) {
      this.total = this.roster.of.size;
      if (!this.on || this.phase !== "live") return;
      for (const id of changed) this.lanes.change(this.roster.of.get(id).tile);
      if (shape || !sieve.open) this.rebuild();
      else this.rows.update(changed);
      this.draw();
    },
    soon() {
      clearTimeout(this.settling);
      this.settling = setTimeout(() => this.look(), SETTLE_MS);
    },
    /** Reads what is in sight more finely, where it is known only in sums. */
    async look(all = false) {
      if (!this.on || this.phase !== "live" || this.looking) return;
      const ids = this.sight();
      const { from, to } = this.view;
      const wide = to - from;
      const wanted = all ? ids : this.lanes.coarse(ids, from, to);
      if (!wanted.length) return;
      const asked = `${from}:${to}:${wanted}`;
      if (!all && asked === this.asked) return;
      this.asked = asked;
      this.looking = true;
      try {
        await this.lanes.look(wanted, Math.max(0, from - wide / 2), to + wide / 2);
        this.taken();
        this.draw();
      } catch (error) {
        if (error.status) this.problem = `${error.message} ${error.hint ?? ""}`; // no answer at all: the feed says that
      } finally {
        this.looking = false;
      }
    },
    sight() {
      const [first, last] = this.rows.range();
      return this.rows.items.slice(first, last).filter((item) => !item.role).map((item) => item.key);
    },
    // --- rows ---
    rebuild() {
      const items = laneRows(this.roster, this.closed);
      this.total = this.roster.of.size;
      this.found = items.length;
      this.rows.set(items);
      this.draw();
    },
    write(head, item) {
      const set = (name, value) => head.getAttribute(name) !== value && head.setAttribute(name, value);
      head.style.setProperty("--level", item.level);
      set("aria-level", String(item.level));
      head.classList.toggle("tl-role", Boolean(item.role));
      if (item.role) {
        head.removeAttribute("aria-selected");
        head.removeAttribute("title");
        head.dataset.look = "";
        set("aria-expanded", String(item.open));
        set("aria-label", `${item.role}, ${plural(item.count, "sub-agent")}`);
        put(head.parts.twist, item.open ? "▾" : "▸");
        put(head.parts.name, plain(item.role));
        put(head.parts.more, whole(item.count));
        return;
      }
      const { tile, look } = this.roster.of.get(item.key);
      const critical = this.onPath?.has(item.key);
      head.removeAttribute("aria-expanded");
      head.dataset.look = look;
      set("aria-selected", String(item.key === room.selected));
      set("aria-label", `${tile.name}: ${stateWords(tile, look)}, ${plural(tile.step, "step")}${critical ? ", on the critical path" : ""}`);
      set("title", plain(tile.title && tile.title !== tile.name ? `${tile.name}: ${tile.title}` : tile.name));
      put(head.parts.twist, "");
      put(head.parts.name, shortName(tile));
      put(head.parts.more, critical ? "◆" : "");
    },
    select(id) {
      if (!this.on || this.phase !== "live") return;
      this.rows.update(this.rows.items.map((item) => item.key));
      if (id && this.rows.indexOf(id) >= 0) this.rows.activate(id, this.$refs.body.contains(document.activeElement));
      else if (!id) this.rows.regain(); // the drawer goes
      this.draw();
    },
    // --- time ---
    settleView() {
      const group = this.feed.state.group;
      this.live = ["running", "paused"].includes(group?.status);
      const [, last] = this.lanes.extent();
      if (this.mode === "fit") this.view = { from: 0, to: last * (1 + AHEAD) };
      else if (this.mode === "now") {
        const wide = this.view.to - this.view.from;
        const to = this.lanes.now() + wide * AHEAD;
        this.view = { from: to - wide, to };
      }
    },
    tick() {
      if (!this.on || document.hidden || this.phase !== "live") return;
      const was = this.live;
      this.settleView();
      if (was && !this.live && this.mode === "now") this.mode = "free";
      if (this.live || was) this.draw();
    },
    fit() {
      this.mode = "fit";
      this.moved();
    },
    follow() {
      const wide = Math.min(this.view.to - this.view.from, 120000);
      this.view = { from: this.lanes.now() - wide, to: this.lanes.now() };
      this.mode = "now";
      this.moved();
    },
    zoom(by, share = this.mode === "now" ? 1 : 0.5) {
      const { from, to } = this.view;
      const [, last] = this.lanes.extent();
      const wide = Math.max(LEAST_MS, Math.min((to - from) * by, last * 3));
      const at = from + (to - from) * share;
      this.view = { from: at - wide * share, to: at + wide * (1 - share) };
      if (this.mode === "fit") this.mode = "free";
      this.moved();
    },
    pan(share) {
      const wide = this.view.to - this.view.from;
      const [, last] = this.lanes.extent();
      const from = Math.max(-wide * 0.8, Math.min(last - wide * 0.2, this.view.from + share * wide));
      this.view = { from, to: from + wide };
      this.mode = "free";
      this.moved();
    },
    moved() {
      this.settleView();
      this.draw();
      this.soon();
    },
    mark() {
      this.marked = !this.marked;
      this.draw();
    },
    // --- drawing ---
    draw() {
      if (this.drawing || !this.on || this.phase !== "live") return;
      this.drawing = requestAnimationFrame(() => {
        this.drawing = 0;
        if (this.on && this.ready) this.drawNow();
      });
    },
    drawNow() {
      const { canvas, scroller } = this.$refs;
      this.paper.size(canvas.clientWidth, canvas.clientHeight);
      const { from, to } = this.view;
      const [first, last] = this.rows.range();
      const top = (at) => AXIS + at * ROW - scroller.scrollTop;
      const rows = this.rows.items.slice(first, last).map((item, n) => {
        const lane = item.role ? null : this.lanes.of(item.key, from, to);
        if (lane) lane.ended = { done: "done", failed: "failed", cancelled: "cancelled" }[this.roster.of.get(item.key)?.tile.state];
        return { y: top(first + n), lane, head: Boolean(item.role), chosen: item.key === room.selected };
      });
      const placeOf = (id) => {
        const at = this.rows.indexOf(id);
        return at < 0 ? null : top(at);
      };
      this.paper.draw({
        from, to, base: this.lanes.base, now: this.lanes.now(), rows, live: this.live, placeOf,
        path: this.marked ? this.path?.parts : null,
      });
    },
    // --- pointing ---
    itemAt(y) {
      return this.rows.items[Math.floor((y + this.$refs.scroller.scrollTop) / ROW)];
    },
    timeAt(x) {
      return this.view.from + (x / this.$refs.canvas.clientWidth) * (this.view.to - this.view.from);
    },
    tap(x, y) {
      const item = this.itemAt(y);
      if (!item) return;
      this.rows.activate(item.key);
      if (!item.role) chooseStep(item.key, this.pointed(x, item).find((one) => one.seq)?.seq);
    },
    /** What lies under the pointer on a lane. */
    pointed(x, item) {
      const { from, to } = this.view;
      const lane = this.lanes.of(item.key, from, to);
      return lane ? under(lane, this.timeAt(x), (to - from) * (3 / this.$refs.canvas.clientWidth)) : [];
    },
    headClick(event) {
      const head = event.target.closest(".tl-head");
      if (!head) return;
      const item = this.rows.items[this.rows.indexOf(head.dataset.key)];
      this.rows.activate(item.key);
      if (item.role) this.toggle(item);
      else room.select(item.key);
    },
    toggle(item, open = this.closed.has(item.key)) {
      if (open) this.closed.delete(item.key);
      else this.closed.add(item.key);
      this.rebuild();
      this.rows.activate(item.key);
    },
    over(x, y, event) {
      const item = this.itemAt(y);
      const found = item && !item.role ? this.pointed(x, item) : [];
      if (!found.length) return void (this.tip = null);
      const now = this.lanes.now();
      const part = this.marked && this.path?.parts.find(([id, a, b]) => id === item.key && a <= this.timeAt(x) && (b ?? now) >= this.timeAt(x));
      const lines = found.map(({ title, from: a, to: b, more }) => {
        const when = timeOfDay(this.lanes.base + a);
        const long = b === a ? "" : ` · ${clock(((b ?? now) - a) / 1000)}${b === null ? " so far" : ""}`;
        return `${plain(title)}${more ? ` · ${plain(more)}` : ""} · ${when}${long}`;
      });
      if (part) lines.push("On the critical path");
      this.tip = { name: this.roster.of.get(item.key).tile.name, lines };
      this.$nextTick(() => placeTip(this.$refs.tip, event));
    },
    // --- the keyboard ---
    key(event) {
      if (event.ctrlKey || event.metaKey || event.altKey || !event.target.closest(".tl-head")) return;
      const { items } = this.rows;
      const at = this.rows.indexOf(this.rows.active);
      const item = items[at];
      const page = Math.max(1, Math.floor(this.$refs.scroller.clientHeight / ROW) - 1);
      const moves = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: items.length - 1, PageDown: at + page, PageUp: at - page };
      const acts = {
        "+": () => this.zoom(1 / 1.6), "=": () => this.zoom(1 / 1.6), "-": () => this.zoom(1.6), 0: () => this.fit(),
        ArrowRight: () => (item.role ? this.toggle(item, true) : this.pan(0.15)),
        ArrowLeft: () => (item.role ? this.toggle(item, false) : this.pan(-0.15)),
        Enter: () => (item.role ? this.toggle(item) : (room.select(item.key), room.tell("enter"))),
        " ": () => (item.role ? this.toggle(item) : room.select(item.key)),
      };
      if (event.key in moves) this.rows.activate(items[Math.max(0, Math.min(items.length - 1, moves[event.key]))].key);
      else if (acts[event.key]) acts[event.key]();
      else return;
      event.preventDefault();
    },
  },
};
