// A form from a declaration: draws the fields, keeps the draft, sends it, and puts each refusal at its field.
import { api } from "/claw/api.js";
import { Estimate } from "/claw/estimate.js";
import { bodyOf, brief, fieldOf, fitting, fresh, headed, problemOf, shown, splitCommand } from "/claw/form.js";
import { ours } from "/claw/kept.js";

const CHECK_MS = 350;
const KEEP_MS = 200;
const PATIENCE_MS = 4000;
const WIDE = ["long", "pick", "tools", "command"];

export default {
  template: `
<form class="form" :class="{ 'form-two': summary }" novalidate :aria-busy="String(busy)" @submit.prevent="submit" @keydown="keys">
  <div class="form-main">
    <component v-for="s in sections.filter((one) => isShown(one) && !one.end)" :key="s.title" :is="s.folded ? 'details' : 'section'" class="form-section" :class="{ card: summary }"
        :open="s.folded ? opened[s.title] : undefined" :aria-label="s.title" @toggle="opened[s.title] = $event.target.open">
      <summary v-if="s.folded" class="form-fold"><span class="form-title">{{ s.title }}</span><span class="form-gist">{{ gist(s) }}</span></summary>
      <h2 v-else-if="s.title && sections.length > 1" class="form-title">{{ s.title }}</h2>
      <p v-if="s.about" class="form-said">{{ s.about }} <a v-if="s.link" :href="s.link">{{ s.link_words }}</a></p>
      <div v-if="s.inputs.length" class="form-grid">
        <template v-for="f in s.inputs" :key="f.name">
          <div v-if="isShown(f) && f.kind !== 'given'" class="field form-field" :class="['form-is-' + f.kind, { 'form-wide': f.wide || wide(f) }]" :data-field="f.name">
            <fieldset v-if="f.kind === 'pick'" class="form-picks" :aria-describedby="about(f)">
              <legend class="field-label">{{ f.label }}</legend>
              <label v-for="o in f.options" :key="o.value" class="form-pick">
                <input type="radio" :name="id(f)" :value="o.value" v-model="values[f.name]" @change="changed(f)">
                <span class="form-pick-name">{{ o.label }}<span v-if="o.tag" class="tag" :class="o.look">{{ o.tag }}</span></span>
                <span class="form-pick-about">{{ o.about }}</span>
              </label>
            </fieldset>
            <template v-else-if="f.kind === 'tools'">
              <p v-if="!f.options?.length" class="hint">{{ f.placeholder }}</p>
              <div v-for="g in headed(f.options)" :key="g.heading" class="form-tools" role="group" :aria-label="g.heading">
                <h3 class="field-label">{{ g.heading }}</h3>
                <fieldset v-for="o in g.options" :key="o.value" class="form-tool" :class="{ 'form-tool-new': values[f.name][o.value] }" :disabled="Boolean(o.off)">
                  <legend class="sr">{{ o.label }}</legend>
                  <span class="form-tool-name mono" aria-hidden="true">{{ o.label }}</span>
                  <span class="form-tool-about" :title="o.off || o.about">{{ o.off || o.about }}</span>
                  <span class="form-seg">
                    <label v-for="p in ['allow', 'ask', 'deny']" :key="p" :data-policy="p" :title="p === o.default ? 'As it comes' : ''">
                      <input type="radio" :name="id(f) + o.value" :value="p" :checked="(values[f.name][o.value] ?? o.default) === p" @change="setTool(f, o, p)"><span>{{ p }}</span></label>
                  </span>
                </fieldset>
              </div>
            </template>
            <label v-else-if="f.kind === 'check'" class="form-check" :for="id(f)">
              <input type="checkbox" :id="id(f)" v-model="values[f.name]" :aria-describedby="about(f)" @change="changed(f)"><span>{{ f.label }}</span></label>
            <template v-else>
              <label :for="id(f)">{{ f.label }}<span v-if="f.need && !suggested[f.name]" class="form-need"> needed</span></label>
              <select v-if="f.kind === 'choice'" :id="id(f)" v-model="values[f.name]" v-bind="aria(f)" @change="changed(f)">
                <template v-for="g in headed(f.options)" :key="g.heading">
                  <optgroup v-if="g.heading" :label="g.heading"><option v-for="o in g.options" :key="o.value" :value="o.value">{{ words(o) }}</option></optgroup>
                  <option v-else v-for="o in g.options" :key="o.value" :value="o.value">{{ words(o) }}</option>
                </template></select>
              <textarea v-else-if="f.kind === 'long'" :id="id(f)" v-model="values[f.name]" :rows="f.rows || 4" dir="auto" :placeholder="hold(f)" v-bind="aria(f)" @input="typed(f)"></textarea>
              <input v-else :id="id(f)" v-model="values[f.name]" :type="f.kind === 'secret' ? 'password' : 'text'" :inputmode="f.kind === 'number' ? 'decimal' : undefined"
                :class="{ mono: f.mono || f.kind === 'command' }" :autocomplete="f.kind === 'secret' ? 'new-password' : 'off'" spellcheck="false" dir="auto" :placeholder="hold(f)" v-bind="aria(f)" @input="typed(f)">
              <p v-if="f.kind === 'command' && argv(f).length" class="form-argv" aria-hidden="true"><code v-for="(w, n) in argv(f)" :key="n">{{ w || "''" }}</code></p>
              <p v-if="chosen(f)?.about" class="form-about"><span v-if="chosen(f).tag" class="tag" :class="chosen(f).look">{{ chosen(f).tag }}</span><span>{{ chosen(f).about }}</span></p>
            </template>
            <span v-if="wrong[f.name]" :id="id(f) + '-wrong'" class="wrong" role="alert">{{ wrong[f.name] }}</span>
            <span v-else-if="note[f.name]" :id="id(f) + '-about'" class="form-note" role="status">{{ note[f.name] }}</span>
            <span v-else-if="f.hint" :id="id(f) + '-about'" class="hint">{{ f.hint }}</span>
          </div>
        </template>
      </div>
    </component>
  </div>
  <div class="form-end" :class="{ card: summary }">
    <template v-if="summary"><h2 class="form-title">{{ summary }}</h2>
      <dl class="form-brief"><div v-for="b in briefs" :key="b.name"><dt>{{ b.term }}</dt><dd :title="b.words" dir="auto">{{ b.words }}</dd></div></dl></template>
    <section v-if="estimate" class="form-guess" aria-labelledby="form-guess" :aria-busy="String(guess.busy)">
      <h2 id="form-guess" class="form-title">Estimate</h2>
      <div role="status"><p class="form-guess-sum" :class="{ 'form-guess-none': !guess.answer?.known }">{{ guessed }}</p>
        <template v-if="guess.answer"><p v-if="guess.answer.agents_from || guess.answer.from" class="form-guess-from">{{ [guess.answer.agents_from && "For " + guess.answer.agents_from + ".", guess.answer.from].filter(Boolean).join(" ") }}</p>
          <ul v-if="guessNotes.length" class="form-guess-notes"><li v-for="n in guessNotes" :key="n">{{ n }}</li></ul></template></div>
    </section>
    <label v-for="f in last" :key="f.name" class="form-check" :for="id(f)"><input type="checkbox" :id="id(f)" v-model="values[f.name]" @change="changed(f)"><span>{{ f.label }}</span></label>
    <p v-if="failed" class="form-failed" role="alert"><strong>{{ failed.sentence }}</strong> <span>{{ failed.hint }}</span></p>
    <div class="row form-acts">
      <button type="submit" class="btn btn-primary" :disabled="busy">{{ busy && !acting ? "One moment…" : label }}</button>
      <button v-for="a in acts" :key="a.id" type="button" class="btn" :disabled="busy" :data-act="a.id" @click="act(a)">{{ acting === a.id ? a.busy || a.label : a.label }}</button>
      <button v-if="touched" type="button" class="btn btn-ghost form-over" :disabled="busy" @click="startOver">Start over</button>
    </div>
    <p class="form-kept" v-if="touched">The draft is kept in this browser.</p>
    <div role="status" aria-live="polite"><p v-if="told" class="form-told" :class="told.ok ? 'form-told-ok' : 'form-told-bad'"><strong>{{ told.sentence }}</strong> <span>{{ told.hint }}</span></p></div>
  </div>
</form>`,
  props: { keep: String, sections: Array, post: String, method: String, send: String, sends: Object, goto: String, fixed: Object, acts: Array, summary: String, estimate: String },
  emits: ["check", "act", "done"],
  data: () => ({ values: {}, wrong: {}, note: {}, suggested: {}, opened: {}, busy: false, acting: "", touched: false, failed: null, told: null, guess: { busy: true, answer: null, problem: "" } }),
  computed: {
    guessed() {
      const { answer, problem } = this.guess;
      if (problem) return problem;
      if (!answer) return "Looking at what the record knows…";
      return answer.known && answer.each ? `${answer.sentence} for each sub-agent` : answer.sentence;
    },
    guessNotes() {
      return [...this.guess.answer.notes, ...this.guess.answer.bounds];
    },
    all() {
      return this.sections.flatMap((section) => section.inputs);
    },
    inputs() {
      return this.sections.filter(this.isShown).flatMap((section) => section.inputs.filter(this.isShown));
    },
    last() {
      return this.sections.filter((section) => section.end).flatMap((section) => section.inputs);
    },
    label() {
      const better = Object.keys(this.sends).find((name) => this.values[name]);
      return better ? this.sends[better] : this.send;
    },
    briefs() {
      return this.inputs.filter((f) => f.brief).map((f) => ({ name: f.name, term: f.brief, words: brief(f, this.values[f.name], this.suggested[f.name]).slice(0, 400) }));
    },
  },
  created() {
    Object.assign(this, { waiting: {}, heard: {}, found: {} });
    const kept = this.kept();
    for (const input of this.all) this.values[input.name] = input.name in kept ? fitting(input, kept[input.name]) : fresh(input);
    this.touched = Object.keys(kept).length > 0;
  },
  mounted() {
    this.$nextTick(() => this.checkAll());
    addEventListener("pageshow", this.back);
    if (!this.estimate) return;
    this.asking = new Estimate(this.estimate, (told) => Object.assign(this.guess, told));
    this.$watch(() => [this.values, this.suggested], () => this.guessAnew(), { deep: true, immediate: true });
  },
  unmounted() {
    this.asking?.stop();
    clearTimeout(this.checking);
    clearTimeout(this.keeping);
    removeEventListener("pageshow", this.back);
  },
  methods: {
    headed,
    isShown(spec) {
      return shown(spec, this.values);
    },
    wide: (f) => WIDE.includes(f.kind),
    words: (o) => (o.tag ? `${o.label} (${o.tag})` : o.label),
    id(f) {
      return `form-${this.keep}-${f.name}`.replace(/[^\w-]+/g, "-");
    },
    about(f) {
      return `${this.id(f)}-${this.wrong[f.name] ? "wrong" : "about"}`;
    },
    aria(f) {
      return { "aria-invalid": Boolean(this.wrong[f.name]), "aria-required": Boolean(f.need), "aria-describedby": this.about(f) };
    },
    hold(f) {
      return this.suggested[f.name] || f.placeholder || "";
    },
    chosen(f) {
      return f.kind === "choice" ? f.options.find((one) => one.value === this.values[f.name]) : undefined;
    },
    argv(f) {
      return splitCommand(this.values[f.name]).words.slice(0, 40);
    },
    gist(section) {
      return section.inputs.filter(this.isShown).filter((f) => f.brief).map((f) => `${f.brief.toLowerCase()} ${brief(f, this.values[f.name], "")}`).join(" · ");
    },

    // --- what a person does ---------------------------------------------------------------------------
    typed(f) {
      this.wrong[f.name] = this.note[f.name] = "";
      delete this.found[f.name];
      this.failed = this.told = null;
      this.store();
      clearTimeout(this.checking);
      if (f.check) this.checking = setTimeout(() => this.check(f), CHECK_MS);
    },
    changed(f) {
      this.typed(f);
      clearTimeout(this.checking);
      this.heard = {}; // what was found out may depend on it
      this.$nextTick(() => this.checkAll());
    },
    setTool(f, option, policy) {
      const { [option.value]: _, ...rest } = this.values[f.name];
      this.values[f.name] = policy === option.default ? rest : { ...rest, [option.value]: policy };
      this.typed(f);
    },
    keys(event) {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
        event.preventDefault();
        this.submit();
      }
    },
    async submit() {
      if (this.busy) return;
      this.busy = true;
      await this.settled();
      if (!this.look()) return this.free();
      try {
        const answer = await api(this.method, this.post, bodyOf(this.inputs, this.values, this.suggested, this.fixed));
        this.forget();
        if (this.goto) return location.assign(this.goto.replace("{id}", encodeURIComponent(answer.id)));
        this.reset();
        this.$emit("done", { answer });
      } catch (error) {
        this.refused(error);
      }
      this.free();
    },
    act(one) {
      if (this.busy || !this.look(["name"])) return;
      this.busy = true;
      this.acting = one.id;
      this.told = null;
      this.$emit("act", { id: one.id, body: bodyOf(this.inputs, this.values, this.suggested, this.fixed) });
    },
    startOver() {
      this.forget();
      this.reset();
      this.checkAll();
      this.begin();
    },
    begin() {
      this.$el.querySelector("input, textarea, select")?.focus();
    },

    guessAnew() {
      const bad = this.inputs.filter((f) => f.kind === "number" && problemOf(f, this.values[f.name])).map((f) => f.label);
      const open = this.inputs.filter((f) => f.kind === "choice" && f.need && !this.values[f.name]).map((f) => f.label);
      const wrong = bad.length ? `The estimate waits: ${bad.join(", ")} needs another look.` : open.length ? `The estimate waits until this is chosen: ${open.join(", ")}.` : "";
      this.asking.ask(bodyOf(this.inputs, this.values, this.suggested, this.fixed), wrong);
    },

    // --- what is wrong --------------------------------------------------------------------------------
    look(except = []) {
      const bad = this.inputs.filter((f) => {
        if (except.includes(f.name)) return false;
        const stands = this.wrong[f.name] && this.found[f.name] === this.values[f.name];
        const problem = problemOf(f, this.values[f.name]);
        const excused = problem && problem === f.need && this.suggested[f.name];
        if (!stands) this.wrong[f.name] = excused ? "" : problem;
        return Boolean(this.wrong[f.name]);
      });
      this.failed = this.told = null;
      if (bad.length) this.point(bad);
      return bad.length === 0;
    },
    point(bad) {
      const names = bad.map((f) => f.label).join(", ");
      this.failed = { sentence: bad.length === 1 ? "One field needs another look:" : `${bad.length} fields need another look:`, hint: `${names}.` };
      for (const section of this.sections) if (section.inputs.includes(bad[0])) this.opened[section.title] = true;
      this.$nextTick(() => {
        const box = this.$el.querySelector(`[data-field="${CSS.escape(bad[0].name)}"]`);
        box?.scrollIntoView({ block: "center" });
        box?.querySelector("input, textarea, select")?.focus({ preventScroll: true });
      });
    },
    refused(error) {
      const bad = [];
      for (const { field, problem, mend } of error.fields ?? []) {
        const f = fieldOf(this.inputs, field);
        if (!f) continue;
        this.wrong[f.name] = `${problem[0].toUpperCase()}${problem.slice(1)} ${mend}`.trim();
        bad.push(f);
      }
      if (bad.length) this.point(bad);
      else this.failed = { sentence: error.message || String(error), hint: error.hint ?? "" };
    },

    // --- what the page says ---------------------------------------------------------------------------
    checkAll() {
      for (const f of this.inputs) if (f.check) this.check(f);
    },
    check(f) {
      this.$emit("check", { name: f.name, value: this.values[f.name], values: { ...this.values } });
    },
    /** Waits for what the page has to say of values that were typed a moment ago; not for ever. */
    async settled() {
      clearTimeout(this.checking);
      const open = this.inputs.filter((f) => f.check && this.heard[f.name] !== this.values[f.name]);
      if (!open.length) return;
      const all = open.map((f) => new Promise((resolve) => (this.waiting[f.name] = resolve)));
      for (const f of open) this.check(f);
      await Promise.race([Promise.all(all), new Promise((resolve) => setTimeout(resolve, PATIENCE_MS))]);
    },
    hear(name, value, wrong, note) {
      if (this.values[name] !== value) return;
      this.waiting[name]?.();
      this.heard[name] = value;
      // "Nothing wrong" takes back only what the page itself had found: a late second answer must not wipe out what
      // the form or the API has said at the field since.
      if (wrong || this.found[name] !== undefined) this.wrong[name] = wrong;
      this.note[name] = note;
      this.found[name] = wrong ? value : undefined;
    },
    suggest(name, value) {
      this.suggested[name] = value;
    },
    showResult(sentence, hint, ok) {
      this.told = { sentence, hint, ok };
    },
    free() {
      this.busy = false;
      this.acting = "";
    },

    // --- the draft ------------------------------------------------------------------------------------
    back(event) {
      if (event.persisted) this.free();
    },
    key() {
      return ours("form", this.keep);
    },
    kept() {
      try {
        return JSON.parse(localStorage.getItem(this.key())) ?? {};
      } catch {
        return {};
      }
    },
    store() {
      clearTimeout(this.keeping);
      this.keeping = setTimeout(() => this.storeNow(), KEEP_MS);
      this.touched = true;
    },
    storeNow() {
      const kept = {};
      for (const f of this.all) {
        const same = JSON.stringify(this.values[f.name]) === JSON.stringify(fresh(f));
        if (f.kind !== "secret" && !same) kept[f.name] = this.values[f.name];
      }
      localStorage.setItem(this.key(), JSON.stringify(kept));
    },
    forget() {
      clearTimeout(this.keeping);
      localStorage.removeItem(this.key());
      this.touched = false;
    },
    reset() {
      for (const input of this.all) this.values[input.name] = fresh(input);
      this.wrong = {};
      this.note = {};
      this.failed = this.told = null;
    },
  },
};
