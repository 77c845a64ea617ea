// A text field whose unsent words stay in the browser until they are sent, whatever happens to the page.
import { ours } from "/claw/kept.js";
import { setUnsent } from "/claw/unsent.js";

const PAUSE_MS = 450;
const PATIENCE_MS = 20000; // then it may be tried again

export default {
  template: `
<div class="words-field field">
  <label :for="id">{{ label }}</label>
  <textarea :id="id" ref="area" dir="auto" :rows="rows" v-model="text" :placeholder="hint" :aria-describedby="off ? id + '-off' : null"
    @input="typed" @keydown.enter.ctrl.prevent="act(actions[0])" @keydown.enter.meta.prevent="act(actions[0])"></textarea>
  <div class="row words-row">
    <button v-for="(action, n) in actions" :key="action.id" type="button" class="btn" :class="action.look" :disabled="!can(action)" :title="off || null"
      :data-act="action.id" @click="act(action)">{{ action.label }}<span v-if="n === 0" class="kbd" aria-hidden="true">Ctrl ⏎</span></button>
    <span v-if="off" :id="id + '-off'" class="words-off">{{ off }}</span>
    <span v-else-if="kept" class="words-kept">kept in this browser</span>
  </div>
</div>`,
  props: { keep: String, label: String, hint: String, rows: Number, actions: Array, off: String, tells: String },
  emits: ["act", "typed"],
  data: () => ({ text: "", busy: false }),
  computed: {
    id() {
      return "words-" + this.keep.replace(/\W+/g, "-");
    },
    kept() {
      return Boolean(this.text.trim());
    },
  },
  watch: {
    text(text) {
      if (this.tells) setUnsent({ [this.tells]: text });
    },
  },
  mounted() {
    this.text = localStorage.getItem(this.key()) || "";
    if (this.text) this.$nextTick(() => this.$emit("typed", { text: this.text }));
  },
  unmounted() {
    clearTimeout(this.timer);
    clearTimeout(this.patience);
  },
  methods: {
    key() {
      return ours("words", this.keep);
    },
    can(action) {
      return !this.off && !this.busy && (action.empty_ok || this.text.trim());
    },
    typed() {
      this.store();
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.$emit("typed", { text: this.text }), PAUSE_MS);
    },
    store() {
      if (this.text) localStorage.setItem(this.key(), this.text);
      else localStorage.removeItem(this.key());
    },
    act(action) {
      if (!action || !this.can(action)) return;
      this.busy = true;
      this.sent = this.text;
      this.patience = setTimeout(() => this.free(), PATIENCE_MS);
      this.$emit("act", { id: action.id, text: this.text });
    },
    free() {
      this.busy = false;
      clearTimeout(this.patience);
    },
    /** They have arrived. What was written since stays. */
    clear() {
      this.free();
      if (this.text !== this.sent) return;
      this.text = "";
      this.store();
      this.$emit("typed", { text: "" });
    },
    begin(text) {
      this.text = this.text.trim() ? `${this.text.trimEnd()}\n\n${text}` : text;
      this.typed();
      this.$nextTick(() => this.focus());
    },
    focus() {
      this.$refs.area.focus();
      this.$refs.area.scrollIntoView({ block: "nearest" });
    },
  },
};
