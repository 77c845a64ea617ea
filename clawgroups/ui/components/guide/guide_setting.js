// Whether the first page shows the guide. It is one guide for the whole house.
import { api } from "/claw/api.js";
import { whyNot } from "/claw/me.js";
import { sayError } from "/claw/say.js";

export default {
  template: `
<section class="card set-part" aria-labelledby="set-help">
  <header><h2 id="set-help">Help</h2><p class="muted">The same for everybody of this house.</p></header>
  <div class="set-row"><div><h3 id="set-guide">First steps</h3><p>{{ words }}</p></div>
    <button type="button" class="set-switch" role="switch" aria-labelledby="set-guide" :aria-checked="String(shown)" :disabled="!known || over || !!off" :title="off" @click="flip"><i aria-hidden="true"></i></button></div>
</section>`,
  data: () => ({ known: false, shown: false, over: false }),
  computed: {
    off: () => whyNot("CreateGroup"),
    words() {
      if (this.off) return this.off;
      return this.over ? "All of them are done; there is nothing left to show." : "A short guide on the first page: see it run, bring in a model, take over, let others in.";
    },
  },
  async mounted() {
    try {
      this.take(await api("GET", "/guide"));
    } catch (error) {
      sayError(error);
    }
  },
  methods: {
    take(guide) {
      Object.assign(this, { known: true, shown: guide.shown, over: guide.steps.every((step) => step.done) });
    },
    async flip() {
      try {
        this.take(await api("PUT", "/guide", { shown: !this.shown }));
      } catch (error) {
        sayError(error);
      }
    },
  },
};
