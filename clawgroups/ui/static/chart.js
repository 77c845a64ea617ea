// A small chart of figures over time, as an SVG that scales with its card. Lines are told apart by dashes as well.
import { timeOfDay, whole } from "/claw/words.js";

const WIDTH = 480, HEIGHT = 120, LEFT = 4, TOP = 8, BOTTOM = 4;
const MOST_POINTS = 240; // more cannot be told apart at this width
const GAP_S = 90; // nothing was heard for so long: the line is broken

/** At most so many points: of each stretch of time the highest one, so that no peak gets lost. */
function thinned(points, from, to) {
  const within = points.filter(([at]) => at >= from && at <= to);
  if (within.length <= MOST_POINTS) return within;
  const kept = new Map();
  for (const point of within) {
    const slot = Math.floor(((point[0] - from) / (to - from)) * MOST_POINTS);
    const known = kept.get(slot);
    if (!known || point[1] > known[1]) kept.set(slot, point);
  }
  return [...kept.values()];
}

/** A round number that is no less: 1, 2 or 5 times a power of ten. */
function roundUp(value) {
  if (!(value > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].map((step) => step * power).find((step) => step >= value - 1e-9);
}

export const LineChart = {
  props: { title: String, unit: String, most: Number, lines: Array, from: Number, to: Number },
  template: `
<figure class="chart">
  <figcaption><span>{{ title }}</span><span class="chart-now"><span v-for="(line, n) in drawn" :key="line.name" :class="'chart-name-' + n"><i aria-hidden="true"></i>{{ line.name }} <b class="num">{{ said(line) }}</b></span></span></figcaption>
  <svg :viewBox="'0 0 ${WIDTH} ${HEIGHT}'" preserveAspectRatio="none" role="img" :aria-label="summary" @pointermove="point" @pointerleave="at = null">
    <line v-for="part in [0, 0.5, 1]" :key="part" class="chart-grid" x1="0" x2="${WIDTH}" :y1="y(top * part)" :y2="y(top * part)"/>
    <path v-for="(line, n) in drawn" :key="line.name" :class="'chart-line-' + n" :d="line.path" vector-effect="non-scaling-stroke"/>
    <line v-if="at !== null" class="chart-at" :x1="x(at)" :x2="x(at)" y1="0" y2="${HEIGHT}" vector-effect="non-scaling-stroke"/>
  </svg>
  <div class="chart-foot muted num"><span>{{ clock(from) }}</span><span v-if="!any">nothing yet</span><span>{{ at === null ? "0 – " + number(top) : clock(at) }}</span></div>
</figure>`,
  data: () => ({ at: null }),
  computed: {
    shown() {
      return this.lines.map((line) => ({ name: line.name, points: thinned(line.points, this.from, this.to) }));
    },
    any() {
      return this.shown.some((line) => line.points.length);
    },
    top() {
      return this.most ?? roundUp(Math.max(0, ...this.shown.flatMap((line) => line.points.map((point) => point[1]))));
    },
    drawn() {
      return this.shown.map((line) => ({ ...line, path: this.path(line.points) }));
    },
    summary() {
      return `${this.title}: ${this.drawn.map((line) => `${line.name} ${this.said(line)}`).join(", ")}`;
    },
  },
  methods: {
    clock: (seconds) => timeOfDay(seconds * 1000),
    number(value) {
      return `${value < 10 && value % 1 ? value.toFixed(1) : whole(value)}${this.unit ? " " + this.unit : ""}`;
    },
    x(at) {
      return LEFT + ((at - this.from) / (this.to - this.from)) * (WIDTH - 2 * LEFT);
    },
    y(value) {
      return HEIGHT - BOTTOM - (Math.min(value, this.top) / this.top) * (HEIGHT - TOP - BOTTOM);
    },
    path(points) {
      let last = -Infinity;
      return points
        .map(([at, value]) => {
          const joins = at - last <= Math.max(GAP_S, (2 * (this.to - this.from)) / MOST_POINTS);
          last = at;
          return `${joins ? "L" : "M"}${this.x(at).toFixed(1)} ${this.y(value).toFixed(1)}`;
        })
        .join("");
    },
    said(line) {
      const until = this.at ?? Infinity;
      const found = line.points.findLast(([at]) => at <= until) ?? line.points[0];
      return found ? this.number(found[1]) : "–";
    },
    point(event) {
      const box = event.currentTarget.getBoundingClientRect();
      this.at = this.from + ((event.clientX - box.left) / (box.width || 1)) * (this.to - this.from);
    },
  },
};
