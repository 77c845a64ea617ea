// Models found on this machine. Each is offered until somebody adds it or waves it away in this browser.
const FIRST = 3;
const KEY = "claw-offers-off";

function waved() {
  try {
    return new Set(JSON.parse(localStorage.getItem(KEY)) ?? []);
  } catch {
    return new Set();
  }
}

export default {
  props: { offers: Array, quiet: Boolean, state: String },
  template: `
<section v-if="listed.length || !quiet" class="offers" aria-labelledby="offers-title">
  <header><h2 id="offers-title">Found on this machine</h2>
    <span class="offers-say" role="status">{{ words }}</span>
    <button v-if="!quiet" type="button" class="btn btn-small btn-ghost" @click="$emit('again')">Look again</button>
    <button v-else type="button" class="btn btn-small btn-ghost" @click="wave">Not now</button></header>
  <ul v-if="listed.length">
    <li v-for="o in first" :key="o.base_url + o.model" class="offer">
      <span class="tag tag-info">model</span>
      <span class="offer-what"><b class="cut" :title="o.model">{{ o.name }}</b><span class="cut">by {{ o.source }} · <span class="mono">{{ o.base_url }}</span></span></span>
      <button type="button" class="btn btn-small btn-primary" :disabled="adding" :aria-label="'Add ' + o.name + ' as a member'" @click="add(o)">{{ adding === o ? "Adding…" : "Add as a member" }}</button>
    </li>
  </ul>
  <button v-if="listed.length > 3" type="button" class="board-more" :aria-expanded="String(all)" @click="all = !all">{{ all ? "Show fewer" : "Show all " + listed.length }}</button>
</section>`,
  emits: ["add", "again"],
  data: () => ({ adding: null, all: false, off: waved() }),
  computed: {
    listed() {
      return this.quiet ? this.offers.filter((o) => !this.off.has(this.key(o))) : this.offers;
    },
    first() {
      return this.all ? this.listed : this.listed.slice(0, FIRST);
    },
    words() {
      if (this.listed.length) return this.quiet ? "No model of these is a member yet." : "";
      if (this.state === "down") return "No runner is up to look around.";
      return this.state === "looking" ? "Looking…" : "No other model was found: neither a key in the server's environment nor a server on the usual ports.";
    },
  },
  methods: {
    key: (o) => `${o.base_url} ${o.model}`,
    add(o) {
      this.adding = o;
      this.$emit("add", { at: this.offers.indexOf(o) });
    },
    free() {
      this.adding = null;
    },
    wave() {
      this.off = new Set([...this.off, ...this.offers.map(this.key)]);
      localStorage.setItem(KEY, JSON.stringify([...this.off].slice(-100)));
    },
  },
};
