// Draws the lanes in sight on one canvas. Shape and words say what colour says.
import { WAIT_WORDS } from "/claw/lanes.js";
import { plain } from "/claw/words.js";

export const ROW = 28;
export const AXIS = 26;
const BAR = [6, 14]; // top and height of a lane's bar in its row
const FOR_PEOPLE = new Set(["approval", "question", "answer", "review", "budget", "stall", "unknown_fate", "task"]);
const NAMES = ["text", "text-2", "muted", "dim", "line", "line-2", "bg", "panel", "panel-2", "hover", "ok", "ok-bg", "tool", "accent", "accent-bg", "wait", "done", "attention", "attention-mark", "attention-bg", "bad", "human", "human-bg", "human-line"];
const SIGN_MARKS = { taken_over: "▲", handed_back: "▼", reassigned: "◇", lease_lapsed: "△", seat_lost: "×" };
const END_MARKS = { done: ["✓", "muted"], failed: ["×", "bad"], cancelled: ["–", "muted"] };
const STEPS_MS = [100, 200, 500, 1e3, 2e3, 5e3, 1e4, 15e3, 3e4, 6e4, 12e4, 3e5, 6e5, 9e5, 18e5, 36e5, 72e5, 108e5, 216e5, 432e5, 864e5, 1728e5, 6048e5, 26784e5];
const TICK = 88; // px between two labels, at least
const clockOf = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });
const secondOf = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const yearOf = new Intl.DateTimeFormat("en-GB", { month: "short", year: "numeric" });
const dayOf = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" });

export class LaneCanvas {
  constructor(canvas) {
    this.canvas = canvas;
    this.paper = canvas.getContext("2d");
    this.width = this.height = 0;
    this.paint();
  }

  /** Takes the theme's colours. */
  paint() {
    const style = getComputedStyle(document.documentElement);
    this.colors = Object.fromEntries(NAMES.map((name) => [name, style.getPropertyValue(`--${name}`).trim()]));
    this.hatches = new Map();
  }

  size(width, height) {
    const scale = devicePixelRatio || 1;
    if (this.width === width && this.height === height && this.scale === scale) return;
    Object.assign(this, { width, height, scale });
    this.canvas.width = Math.round(width * scale);
    this.canvas.height = Math.round(height * scale);
  }

  /** `scene`: {from, to, base, now, rows: [{id, y, lane, faded, chosen}], path, placeOf, live}. */
  draw(scene) {
    Object.assign(this, scene);
    const { paper } = this;
    paper.setTransform(this.scale, 0, 0, this.scale, 0, 0);
    paper.clearRect(0, 0, this.width, this.height);
    paper.font = '10.5px Inter, -apple-system, "Segoe UI", Roboto, Arimo, "Liberation Sans", system-ui, sans-serif';
    paper.textBaseline = "middle";
    const ticks = this.ticks();
    paper.save();
    paper.beginPath();
    paper.rect(0, AXIS, this.width, this.height - AXIS);
    paper.clip();
    for (const { x } of ticks) this.box(Math.round(x), AXIS, 1, this.height, "line");
    for (const row of this.rows) this.row(row);
    if (this.path) this.drawPath();
    this.drawNow();
    paper.restore();
    this.axis(ticks);
  }

  x(t) {
    return ((t - this.from) / (this.to - this.from)) * this.width;
  }

  box(x, y, width, height, color, alpha = 1) {
    this.paper.globalAlpha = alpha;
    this.paper.fillStyle = this.colors[color];
    this.paper.fillRect(x, y, width, height);
    this.paper.globalAlpha = 1;
  }

  hatch(color) {
    if (!this.hatches.has(color)) {
      const tile = Object.assign(document.createElement("canvas"), { width: 6, height: 6 });
      const paper = tile.getContext("2d");
      paper.strokeStyle = this.colors[color];
      paper.lineWidth = 1.4;
      paper.beginPath();
      for (const shift of [-6, 0, 6]) paper.moveTo(shift, 6), paper.lineTo(shift + 6, 0);
      paper.stroke();
      this.hatches.set(color, this.paper.createPattern(tile, "repeat"));
    }
    return this.hatches.get(color);
  }

  words(text, x, y, room, color) {
    if (room < 26) return;
    const fits = Math.floor(room / 5.6);
    text = plain(text);
    this.paper.fillStyle = this.colors[color];
    this.paper.fillText(text.length > fits ? `${text.slice(0, Math.max(1, fits - 1))}…` : text, x, y + 0.5);
  }

  // --- a lane ---

  row({ y, lane, chosen, head }) {
    if (chosen) this.box(0, y, this.width, ROW, "accent-bg");
    this.box(0, y + ROW - 1, this.width, 1, "line", 0.6);
    if (head || !lane) return;
    for (const state of lane.states) this.state(state, y);
    this.each(lane.steps, (step, a, b) => this.step(step, a, b, y));
    this.each(lane.calls, (call, a, b) => this.call(call, a, b, y));
    this.each(lane.waits, (wait, a, b) => this.wait(wait, a, b, y));
    for (const sign of lane.signs) this.sign(sign, y);
    this.end(lane, y);
  }

  /** Calls `draw` for the spans in sight, and only once for those that fall on the same pixel. */
  each(spans, draw) {
    let last = -1;
    for (const span of spans) {
      const b = this.x(span[1] ?? this.now);
      if (b < 0) continue;
      const a = this.x(span[0]);
      if (a > this.width) break;
      if (b - a < 1 && b - last < 1) continue;
      last = b;
      draw(span, Math.max(-2, a), Math.min(this.width + 2, Math.max(b, a + 1)));
    }
  }

  state([from, to, state, who], y) {
    const a = Math.max(-2, this.x(from));
    const b = Math.min(this.width + 2, this.x(to ?? this.now));
    if (b < 0 || a > this.width) return;
    const wide = Math.max(1, b - a);
    const [top, high] = [y + BAR[0], BAR[1]];
    if (state === "queued") return this.box(a, y + 12, wide, 2, "done");
    if (state === "paused") return this.filled(a, top + 2, wide, high - 4, this.hatch("muted"), "muted");
    if (state === "handing_over") return this.filled(a, top, wide, high, this.hatch("human"), "human");
    if (who?.[1] === "person") {
      this.filled(a, top, wide, high, this.colors["human-bg"], "human");
      return this.words(`✎ ${who[0]}`, a + 5, y + 13, wide - 8, "human");
    }
    this.box(a, top, wide, high, state === "waiting" ? "wait" : "ok", 0.16);
  }

  filled(x, y, width, height, fill, edge) {
    this.paper.fillStyle = fill;
    this.paper.fillRect(x, y, width, height);
    this.paper.strokeStyle = this.colors[edge];
    this.paper.lineWidth = 1;
    if (width > 2) this.paper.strokeRect(x + 0.5, y + 0.5, width - 1, height - 1);
  }

  step([from, to, , count, who], a, b, y) {
    const person = who?.[1] === "person";
    const gap = b - a > 5 ? 1 : 0;
    const pace = count > 1 ? Math.min(1, 0.3 + (count / Math.max(1, to - from)) * 2000) : 0.75;
    if (person) this.box(a, y + BAR[0] + BAR[1] - 3, b - a - gap, 3, "human");
    else this.box(a, y + BAR[0], b - a - gap, BAR[1], "ok", count > 1 ? pace * 0.55 : 0.46);
    if (count > 1) this.words(`${count} steps`, a + 5, y + 13, b - a - 8, "text");
  }

  call([, , name, fate], a, b, y) {
    const bad = ["failed", "denied", "unknown"].includes(fate);
    this.box(a, y + BAR[0], b - a, BAR[1], "panel-2");
    this.box(a, y + BAR[0], b - a, BAR[1], bad ? "bad" : "tool", 0.45);
    this.box(a, y + BAR[0], Math.min(2, b - a), BAR[1], bad ? "bad" : "tool");
    this.words(bad ? `× ${name}` : name, a + 5, y + 13, b - a - 8, "text");
  }

  wait([, , reason], a, b, y) {
    const asks = FOR_PEOPLE.has(reason);
    if (!asks) {
      this.box(a, y + BAR[0], b - a, BAR[1], "bg");
      this.box(a, y + 12, b - a, 2, "wait");
      this.box(a, y + 9, 2, 8, "wait");
      if (b - a > 70) {
        this.box(a + 7, y + 8, this.paper.measureText("its sub-agents").width + 7, 10, "bg");
        this.words("its sub-agents", a + 10, y + 13, b - a - 14, "muted");
      }
      return;
    }
    this.filled(a, y + BAR[0], b - a, BAR[1], this.colors["attention-bg"], "attention-mark");
    this.words(`! ${WAIT_WORDS[reason] ?? reason}`, a + 4, y + 13, b - a - 6, "attention");
  }

  sign([when, kind, who], y) {
    const x = this.x(when);
    if (x < -6 || x > this.width + 6) return;
    const mark = SIGN_MARKS[kind] ?? "·";
    const color = kind === "seat_lost" ? "bad" : "human";
    this.box(x - 0.75, y + 2, 1.5, ROW - 5, color);
    this.paper.fillStyle = this.colors[color];
    this.paper.textAlign = "center";
    this.paper.fillText(mark, x, y + 4);
    this.paper.textAlign = "left";
  }

  end(lane, y) {
    const last = lane.states.at(-1);
    if (!last || last[1] === null) return;
    const x = this.x(last[1]);
    if (x < -12 || x > this.width) return;
    const [mark, color] = END_MARKS[this.endOf(lane)] ?? ["", "muted"];
    this.paper.fillStyle = this.colors[color];
    this.paper.font = this.paper.font.replace(/^[\w ]*10.5px/, "bold 10.5px");
    this.paper.fillText(mark, x + 4, y + 13.5);
    this.paper.font = this.paper.font.replace(/^bold /, "");
  }

  endOf(lane) {
    return lane.ended ?? "";
  }

  // --- what lies over the lanes ---

  /** The critical path: a strong line under the lanes it runs through, with a step from one to the next. */
  drawPath() {
    const { paper } = this;
    let before = null;
    paper.strokeStyle = paper.fillStyle = this.colors.text;
    for (const [id, from, to] of this.path) {
      const place = this.placeOf(id);
      const [a, b] = [this.x(from), this.x(to ?? this.now)];
      if (place !== null) {
        const y = place + ROW - 5;
        if (before !== null && Math.abs(before.y - y) > 1) this.dashes(Math.max(before.x, Math.min(a, before.x + 3)), before.y, y);
        if (b >= 0 && a <= this.width) {
          paper.fillRect(a, y - 1.25, Math.max(2, b - a), 2.5);
          for (const x of [a, b]) this.diamond(x, y);
        }
        before = { x: b, y };
      }
    }
  }

  dashes(x, from, to) {
    if (x < 0 || x > this.width) return;
    const { paper } = this;
    paper.save();
    paper.setLineDash([3, 3]);
    paper.lineWidth = 1.25;
    paper.beginPath();
    paper.moveTo(x, Math.max(0, Math.min(this.height, from)));
    paper.lineTo(x, Math.max(0, Math.min(this.height, to)));
    paper.stroke();
    paper.restore();
  }

  diamond(x, y) {
    this.paper.beginPath();
    for (const [dx, dy] of [[0, -4], [4, 0], [0, 4], [-4, 0]]) this.paper.lineTo(x + dx, y + dy);
    this.paper.fill();
  }

  drawNow() {
    const x = this.x(this.now);
    if (this.live && x >= 0 && x <= this.width) this.box(Math.round(x), AXIS, 1, this.height, "accent");
  }

  // --- the axis ---

  ticks() {
    const wanted = ((this.to - this.from) * TICK) / Math.max(1, this.width);
    const step = STEPS_MS.find((each) => each >= wanted) ?? Math.ceil(wanted / 26784e5) * 26784e5;
    this.step_ms = step;
    const shift = new Date(this.base + this.from).getTimezoneOffset() * 60000; // labels fall on round times of the viewer's zone
    const found = [];
    let t = Math.ceil((this.base + this.from - shift) / step) * step + shift;
    for (; t <= this.base + this.to && found.length < 200; t += step) found.push({ x: this.x(t - this.base), t });
    return found;
  }

  axis(ticks) {
    this.box(0, 0, this.width, AXIS, "panel");
    this.box(0, AXIS - 1, this.width, 1, "line-2");
    const now = this.live ? this.x(this.now) : Infinity;
    let day = "";
    for (const { x, t } of ticks) {
      const today = dayOf.format(t);
      const clock = this.step_ms < 1000 ? `${secondOf.format(t)}.${String(Math.floor(t % 1000)).padStart(3, "0")}` : this.step_ms < 60000 ? secondOf.format(t) : clockOf.format(t);
      const label = this.step_ms > 2e9 ? yearOf.format(t) : this.step_ms >= 864e5 ? today : day && today !== day ? `${today} ${clock}` : clock;
      day = today;
      this.box(Math.round(x), AXIS - 6, 1, 5, "line-2");
      if (x + 6 + this.paper.measureText(label).width > now - 16 && x < now + 16) continue;
      this.paper.fillStyle = this.colors.muted;
      this.paper.fillText(label, x + 4, AXIS / 2 - 1);
    }
    if (now < 0 || now > this.width) return;
    const left = Math.min(now - 14, this.width - 30);
    this.box(left, 4, 28, 16, "accent");
    this.paper.fillStyle = this.colors.bg;
    this.paper.fillText("now", left + 4, 12.5);
  }
}
