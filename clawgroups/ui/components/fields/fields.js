// One labelled field. The page hears of every change, a moment later while somebody types.
const PAUSE_MS = 250;

export default {
  template: `
<div class="field fields" :class="'fields-' + kind">
  <label :for="id">{{ label }}</label>
  <select v-if="kind === 'choice'" :id="id" ref="input" v-model="text" v-bind="aria" @change="tell"><option v-if="!known" value="">choose…</option>
    <option v-for="[key, words] in options" :key="key" :value="key">{{ words }}</option></select>
  <textarea v-else-if="kind === 'long'" :id="id" ref="input" v-model="text" rows="3" :placeholder="placeholder" v-bind="aria" @input="soon" @change="tell"></textarea>
  <input v-else :id="id" ref="input" v-model="text" :type="kind === 'secret' ? 'password' : 'text'" :inputmode="kind === 'number' ? 'decimal' : 'text'"
    autocomplete="off" spellcheck="false" :placeholder="placeholder" v-bind="aria" @input="soon" @change="tell">
  <span v-if="wrong" :id="id + '-wrong'" class="wrong" role="alert">{{ wrong }}</span>
  <span v-else-if="note" :id="id + '-about'" class="fields-note" role="status">{{ note }}</span>
  <span v-else-if="hint" :id="id + '-about'" class="hint">{{ hint }}</span>
</div>`,
  props: { label: String, kind: String, value: String, hint: String, placeholder: String, options: Array, wrong: String, note: String },
  emits: ["typed"],
  data: () => ({ text: "", id: `field-${Math.random().toString(36).slice(2, 9)}` }),
  computed: {
    known() {
      return this.options.some(([key]) => key === this.text);
    },
    aria() {
      return { "aria-invalid": Boolean(this.wrong), "aria-describedby": `${this.id}-${this.wrong ? "wrong" : "about"}` };
    },
  },
  watch: {
    value(value) {
      // While somebody types, what they see is newer than what the page knows.
      if (!this.timer) this.text = value;
    },
  },
  created() {
    this.text = this.value;
  },
  unmounted() {
    clearTimeout(this.timer);
  },
  methods: {
    soon() {
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.tell(), PAUSE_MS);
    },
    tell() {
      clearTimeout(this.timer);
      this.timer = undefined;
      if (this.text === this.told) return;
      this.told = this.text;
      this.$emit("typed", { value: this.text });
    },
    focus() {
      this.$refs.input.focus();
      this.$refs.input.scrollIntoView({ block: "nearest" });
    },
  },
};
