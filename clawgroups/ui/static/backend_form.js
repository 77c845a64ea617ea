// Which backend it is to be: a checkpoint's folder that is served here, or one that runs elsewhere.
import { api } from "/claw/api.js";
import { ask } from "/claw/ask.js";

/** Words as a shell would split them: quotes keep spaces together. Throws a sentence for a quote that is not closed. */
export function split(text) {
  const words = [...text.matchAll(/(?:[^\s"']|"[^"]*"|'[^']*')+/g)].map(([word]) => word.replace(/"([^"]*)"|'([^']*)'/g, "$1$2"));
  if (/["']/.test(text.replace(/"[^"]*"|'[^']*'/g, ""))) throw new Error("A quote is not closed.");
  return words;
}

/** Words as one text that `split` takes apart again, whatever quotes and blanks are in them. */
export function joined(words) {
  const quoted = (word) => {
    if (word && !/[\s"']/.test(word)) return word;
    if (!word.includes('"')) return `"${word}"`;
    return word.includes("'") ? word.split('"').map((part) => `"${part}"`).join(`'"'`) : `'${word}'`;
  };
  return words.map(quoted).join(" ");
}

export const BackendForm = {
  props: { told: Object, off: String },
  emits: ["set", "leave"],
  template: `
<section class="card back-part" aria-labelledby="back-which">
  <header><h2 id="back-which">{{ told.source ? "Another backend" : "Serve a model yourself" }}</h2>
    <p class="muted">Groups can run on a model of your own. Give a checkpoint's folder on this machine (Kimi K2.5 and K2.6, Moonlight and others of that architecture): a GPU serves it through SGLang, a machine without one through the bundled CPU engine. Or give the address of a backend that runs on a GPU server.</p></header>
  <p v-if="off" class="muted">{{ off }}</p>
  <form v-else novalidate @submit.prevent="save">
    <div class="field"><label for="back-source">Folder or address</label>
      <input id="back-source" v-model="source" maxlength="2000" autocomplete="off" spellcheck="false" placeholder="/models/Kimi-K2.6   or   http://gpu-server:8712" :aria-invalid="String(!!wrong.source)" aria-describedby="back-source-wrong">
      <div id="back-source-wrong" class="wrong" role="alert">{{ wrong.source }}</div></div>
    <div v-if="elsewhere" class="field"><label for="back-token">Token of its control</label>
      <input id="back-token" v-model="token" type="password" maxlength="2000" autocomplete="off" aria-describedby="back-token-hint">
      <div id="back-token-hint" class="hint">It was started with it (BACKEND_CONTROL_TOKEN). Kept by the server, and not shown again.</div></div>
    <div v-else class="field"><label for="back-options">Options</label>
      <input id="back-options" v-model="options" maxlength="2000" autocomplete="off" spellcheck="false" placeholder="--context 32768" :aria-invalid="String(!!wrong.options)" aria-describedby="back-options-hint back-options-wrong">
      <div id="back-options-hint" class="hint">As for <code class="mono">clawgroups backend serve</code>; most leave it empty.</div><div id="back-options-wrong" class="wrong" role="alert">{{ wrong.options }}</div></div>
    <p v-if="problem" class="back-bad" role="alert">{{ problem }}</p>
    <div class="row"><button class="btn btn-primary" :disabled="busy">{{ elsewhere ? "Connect" : "Serve it" }}</button>
      <button v-if="told.source" type="button" class="btn btn-ghost" @click="$emit('leave')">Leave it as it is</button>
      <button v-if="told.source" type="button" class="btn btn-danger" :disabled="busy" @click="remove">Use none…</button></div>
  </form>
</section>`,
  data: () => ({ source: "", options: "", token: "", busy: false, problem: "", wrong: {} }),
  computed: {
    elsewhere() {
      return /^https?:\/\//.test(this.source.trim());
    },
  },
  mounted() {
    Object.assign(this, { source: this.told.source, options: joined(this.told.options) });
  },
  methods: {
    async save() {
      this.wrong = {};
      if (!this.source.trim()) return (this.wrong = { source: "Give a folder or an address." });
      let options;
      try {
        options = this.elsewhere ? [] : split(this.options);
      } catch (error) {
        return (this.wrong = { options: error.message });
      }
      const token = this.elsewhere && this.token ? { token: this.token } : {};
      await this.put({ source: this.source.trim(), options, ...token });
    },
    async remove() {
      const text = "One that was started here is stopped; requests under way are finished first. Its member stays in the house.";
      const sure = await ask({ title: "Use no backend?", text, act: "Use none", kind: "danger" });
      if (sure) await this.put({ source: "" });
    },
    async put(body) {
      Object.assign(this, { busy: true, problem: "", wrong: {} });
      try {
        this.$emit("set", await api("PUT", "/backend", body));
      } catch (error) {
        const known = (error.fields ?? []).filter(({ field }) => field === "source");
        this.wrong = Object.fromEntries(known.map(({ field, problem, mend }) => [field, `${problem} ${mend}`]));
        if (!known.length) this.problem = `${error.message} ${error.hint ?? ""}`.trim();
      } finally {
        this.busy = false;
      }
    },
  },
};
