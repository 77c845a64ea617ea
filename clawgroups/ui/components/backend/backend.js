// How the bundled model server does: state, progress, figures over time, memory, plan and log; for admins its switches.
import { api } from "/claw/api.js";
import { LineChart } from "/claw/chart.js";
import { BackendForm } from "/claw/backend_form.js";
import { BackendLog } from "/claw/backend_log.js";
import { whyNot } from "/claw/me.js";
import { say, sayError } from "/claw/say.js";
import { ago, bytes, plural, whole } from "/claw/words.js";

const EVERY_MS = 2000;
const MOST_SAMPLES = 20000;
const RANGES = [[5 * 60, "5 min"], [3600, "1 h"], [24 * 3600, "24 h"]];
const STATES = {
  none: ["Not set", "idle"], away: ["Does not answer", "bad"], stopped: ["Stopped", "idle"], installing: ["Installing", "busy"], starting: ["Starting", "busy"],
  loading: ["Loading", "busy"], ready: ["Serving", "ok"], draining: ["Stopping", "busy"], restarting: ["Starting again", "busy"], failed: ["Failed", "bad"],
};
const MARKS = { ok: "✓", bad: "×", busy: "…", idle: "–" };
const percent = (part) => `${Math.round(part * 100)} %`;

export default {
  components: { LineChart, BackendForm, BackendLog },
  template: `
<div class="backend">
<p v-if="problem && !told" class="card back-part back-bad" role="alert">{{ problem }}</p>
<div v-else-if="!told" class="card back-part" aria-busy="true"><div v-for="n in 5" :key="n" class="skeleton back-wait"></div></div>
<template v-else>
  <section class="card back-part back-head" aria-labelledby="back-model">
    <div class="back-title">
      <span class="back-state" :class="'back-' + look" role="status"><i aria-hidden="true">{{ mark }}</i>{{ words }}</span>
      <h2 id="back-model"><bdi>{{ name }}</bdi></h2>
      <p v-if="status?.attribution" class="back-licence">Powered by <strong><bdi>{{ status.attribution }}</bdi></strong></p>
    </div>
    <div v-if="told.source" class="row back-acts">
      <button v-for="[word, label] in acts" :key="word" type="button" class="btn" :class="{ 'btn-primary': word === 'start', 'btn-danger': word === 'stop' }" :disabled="busy || !!off" :title="off || null" @click="act(word)">{{ label }}</button>
      <button type="button" class="btn btn-ghost" :disabled="!!off || told.from_start" :title="off || (told.from_start ? 'It was set when the server was started (CLAWGROUPS_BACKEND).' : null)" :aria-expanded="String(changing)" @click="changing = !changing">Change…</button>
    </div>
    <div v-if="progress" class="back-progress">
      <div class="back-bar" role="progressbar" aria-label="Loading" aria-valuemin="0" aria-valuemax="100" :aria-valuenow="progress.fraction === null ? null : Math.round(progress.fraction * 100)" :class="{ 'back-unknown': progress.fraction === null }"><i :style="{ width: (progress.fraction ?? 1) * 100 + '%' }"></i></div>
      <p><bdi>{{ progress.sentence || words }}</bdi><b v-if="progress.fraction !== null" class="num">&nbsp;· {{ pc(progress.fraction) }}</b></p>
    </div>
    <div v-if="fault" class="back-fault" role="alert"><strong dir="auto">{{ fault.sentence }}</strong><span v-if="fault.hint" dir="auto">{{ fault.hint }}</span></div>
    <dl v-if="facts.length" class="back-facts"><div v-for="[label, value] in facts" :key="label"><dt>{{ label }}</dt><dd><bdi :class="{ mono: label === 'Address' || label === 'Source' }">{{ value }}</bdi></dd></div></dl>
  </section>
  <backend-form v-if="!told.source || changing" :told="told" :off="off" @set="set" @leave="changing = false"></backend-form>
  <template v-if="status && figures">
    <section class="back-figures" aria-label="Now">
      <div v-for="one in tiles" :key="one.label" class="card back-tile"><span class="muted">{{ one.label }}</span><strong class="num">{{ one.value }}</strong><span class="muted num">{{ one.note }}</span></div>
    </section>
    <section class="card back-part" aria-labelledby="back-time">
      <header class="back-row"><h2 id="back-time">Over time</h2><div class="seg" role="group" aria-label="How far back"><button v-for="[seconds, label] in ranges" :key="seconds" type="button" :aria-pressed="String(range === seconds)" @click="range = seconds">{{ label }}</button></div></header>
      <div class="back-charts"><line-chart v-for="chart in charts" :key="chart.title" v-bind="chart" :from="now - range" :to="now"></line-chart></div>
    </section>
  </template>
  <section v-if="status?.gpus.length" class="card back-part" aria-labelledby="back-gpus"><h2 id="back-gpus">GPUs</h2>
    <ul class="back-gpus"><li v-for="gpu in status.gpus" :key="gpu.index"><span>{{ gpu.index }} · <bdi>{{ gpu.name }}</bdi></span><div class="back-bar" role="meter" :aria-label="'Memory of GPU ' + gpu.index" aria-valuemin="0" aria-valuemax="100" :aria-valuenow="Math.round(100 * gpu.used_bytes / (gpu.total_bytes || 1))"><i :style="{ width: 100 * gpu.used_bytes / (gpu.total_bytes || 1) + '%' }"></i></div><span class="num muted">{{ size(gpu.used_bytes) }} of {{ size(gpu.total_bytes) }}{{ gpu.busy_percent === null ? "" : " · " + Math.round(gpu.busy_percent) + " % busy" }}</span></li></ul></section>
  <section v-if="plan" class="card back-part" aria-labelledby="back-plan"><h2 id="back-plan">Plan</h2>
    <dl class="back-facts"><div v-for="row in plan.rows" :key="row.label"><dt>{{ row.label }}</dt><dd><bdi>{{ row.value }}</bdi><span v-if="row.note" class="muted" dir="auto">{{ row.note }}</span></dd></div></dl>
    <p v-for="warning in plan.warnings" :key="warning" class="back-warn" dir="auto">{{ warning }}</p>
    <details v-for="node in plan.nodes" :key="node.rank"><summary>{{ node.host || plan.nodes.length > 1 ? "Command of " : "Command" }}<bdi v-if="node.host || plan.nodes.length > 1">{{ node.host || "node " + node.rank }}</bdi></summary><pre class="mono" tabindex="0">{{ node.command }}</pre></details></section>
  <backend-log v-if="told.source && !off" :up="!!status"></backend-log>
</template>
</div>`,
  data: () => ({ told: null, problem: "", samples: [], range: RANGES[0][0], now: Date.now() / 1000, busy: false, changing: false, off: whyNot("settings"), ranges: RANGES }),
  computed: {
    status() {
      return this.told.status;
    },
    state() {
      return this.status?.state ?? (this.told.source ? (this.told.process?.state === "starting" ? "starting" : "away") : "none");
    },
    words() {
      return STATES[this.state][0];
    },
    look() {
      return STATES[this.state][1];
    },
    mark() {
      return MARKS[this.look];
    },
    name() {
      return this.status?.served_name || this.told.source.split("/").filter(Boolean).at(-1) || "No model server";
    },
    figures() {
      return this.status.figures;
    },
    progress() {
      return ["installing", "starting", "loading", "restarting", "draining"].includes(this.state) ? (this.status?.progress ?? { fraction: null, sentence: "" }) : null;
    },
    fault() {
      return this.status?.error ?? (this.state === "away" ? this.told.problem : null);
    },
    acts() {
      if (!this.status) return [];
      const up = !["stopped", "failed"].includes(this.state);
      return up ? [["restart", "Restart"], ["stop", "Stop"]] : [["start", "Start"]];
    },
    facts() {
      const { told, status } = this;
      if (!told.source) return [];
      const rows = [["Source", told.source]];
      if (told.options.length) rows.push(["Options", told.options.join(" ")]);
      if (!status) return rows;
      rows.push(["Engine", status.engine === "cpu" ? "The bundled CPU engine" : "SGLang"], ["Address", status.url || "not yet"]);
      if (status.context) rows.push(["Context", plural(status.context, "token")]);
      if (status.since) rows.push(["State changed", ago(this.now - status.since)]);
      if (status.restarts) rows.push(["Started again", plural(status.restarts, "time")]);
      if (status.memory_bytes) rows.push(["Memory", this.size(status.memory_bytes)]);
      return rows;
    },
    tiles() {
      const f = this.figures;
      return [
        { label: "Tokens a second", value: this.rate(f.tokens_per_s), note: `${this.rate(f.prompt_tokens_per_s)} of prompts read` },
        { label: "Running", value: whole(f.running), note: `${whole(f.queued)} waiting` },
        { label: "KV cache", value: f.cache_tokens ? percent(f.cache_used_tokens / f.cache_tokens) : "–", note: `${whole(f.cache_used_tokens)} of ${whole(f.cache_tokens)}` },
        { label: "Found in the cache", value: percent(f.cache_hit_rate), note: `${whole(f.cached_tokens)} tokens not read again` },
        { label: "Generated", value: whole(f.generated_tokens), note: `${whole(f.prompt_tokens)} of prompts` },
        { label: "Aborted", value: whole(f.aborted), note: "taken over or left" },
      ];
    },
    charts() {
      const line = (name, key, of = (sample) => sample[key]) => ({ name, points: this.samples.map((sample) => [sample.at, of(sample)]) });
      return [
        { title: "Tokens a second", unit: "", lines: [line("generated", "tokens_per_s"), line("prompts read", "prompt_tokens_per_s")] },
        { title: "Requests", unit: "", lines: [line("running", "running"), line("waiting", "queued")] },
        { title: "KV cache in use", unit: "%", most: 100, lines: [line("in use", "", (s) => (s.cache_tokens ? (100 * s.cache_used_tokens) / s.cache_tokens : 0))] },
        { title: "Found in the cache", unit: "%", most: 100, lines: [line("found", "", (s) => 100 * s.cache_hit_rate)] },
      ];
    },
    plan() {
      const plan = this.status?.plan;
      return plan && Array.isArray(plan.rows) ? { rows: plan.rows, nodes: plan.nodes ?? [], warnings: plan.warnings ?? [] } : null;
    },
  },
  mounted() {
    this.read();
    this.timer = setInterval(() => document.hidden || this.read(), EVERY_MS);
  },
  unmounted() {
    clearInterval(this.timer);
  },
  methods: {
    pc: percent,
    size: bytes,
    rate: (value) => (value < 10 ? value.toFixed(1) : whole(Math.round(value))),
    async read() {
      if (this.reading) return; // a slow answer is on its way
      this.reading = true;
      try {
        this.told = await api("GET", "/backend");
        this.now = Date.now() / 1000;
        this.problem = "";
        if (this.told.status) await this.readSamples();
      } catch (error) {
        this.problem = `${error.message} ${error.hint ?? ""}`.trim();
      } finally {
        this.reading = false;
      }
    },
    async readSamples() {
      const last = this.samples.at(-1)?.at ?? 0;
      const { samples } = await api("GET", `/backend/samples?after=${last}`);
      if (!samples.length) return;
      const anew = samples.at(-1).at < last; // the clock there was set back: all of them come again
      this.samples = (anew ? samples : [...this.samples, ...samples.filter((sample) => sample.at > last)]).slice(-MOST_SAMPLES);
    },
    async act(word) {
      this.busy = true;
      try {
        this.told = await api("POST", `/backend/${word}`);
      } catch (error) {
        sayError(error);
      } finally {
        this.busy = false;
      }
    },
    set(told) {
      Object.assign(this, { told, changing: false, samples: [] });
      say({ sentence: told.source ? "The backend is set." : "No backend is set any more.", kind: "ok" });
    },
  },
};
