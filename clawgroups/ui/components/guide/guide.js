// The first steps in a new house. What is done is what is on record; closing it is for everybody, and can be undone.
import { api } from "/claw/api.js";
import { whyNot } from "/claw/me.js";
import { sayError } from "/claw/say.js";

const OFFERS = 3;
const SLOW = { pace: 1, limit: 60, limits: { max_live: 12 } }; // about a minute for each file: time to look around, and to press T
const SLOWLY = "Up to 60 files, twelve at once, about a minute for each: time to press T";

export default {
  props: { about: Object, offers: Array },
  emits: ["add", "closed"],
  template: `
<section v-if="about?.shown && !closed" class="guide" aria-labelledby="guide-title">
  <header><h2 id="guide-title">First steps</h2><span class="guide-sum" role="status">{{ done }} of {{ steps.length }} done</span>
    <button type="button" class="btn btn-small btn-ghost" :disabled="!!off('CreateGroup')" :title="off('CreateGroup') || 'It comes back from the settings'" @click="close">Close the guide</button></header>
  <ol>
    <li v-for="(s, n) in steps" :key="s.id" class="guide-step" :data-step="s.id" :data-done="String(s.done)">
      <span class="guide-mark" aria-hidden="true">{{ s.done ? "✓" : n + 1 }}</span>
      <div class="guide-what"><h3>{{ s.title }}<span v-if="s.done" class="tag tag-ok">done</span></h3><p>{{ s.words }}</p>
        <p v-if="s.id === 'see'" class="guide-where">It reads <bdi class="mono">{{ of.see.folder }}</bdi> and changes nothing.</p>
        <ul v-if="s.id === 'model' && !s.done && offers.length" class="guide-offers" aria-label="Found on this machine">
          <li v-for="(o, at) in offers.slice(0, most)" :key="o.base_url + o.model"><span class="cut"><bdi>{{ o.name }}</bdi> <span class="guide-by">by <bdi>{{ o.source }}</bdi></span></span>
            <button type="button" class="btn btn-small btn-primary" :disabled="adding || !!off('members')" :title="off('members')" :aria-label="'Add ' + o.name + ' as a member'" @click="add(at)">{{ adding ? "Adding…" : "Add" }}</button></li>
        </ul>
      </div>
      <div class="guide-acts">
        <template v-if="s.id === 'see'">
          <a v-if="of.see.group" class="btn btn-small" :href="'/groups/' + encodeURIComponent(of.see.group)">Watch it</a>
          <button v-else-if="!s.done" type="button" class="btn btn-small btn-primary" :disabled="starting || !!off('CreateGroup')" :title="off('CreateGroup')" @click="start({})">{{ starting ? "Starting…" : "Start the survey" }}</button>
        </template>
        <a v-else-if="s.id === 'model'" class="btn btn-small" href="/members">To the members</a>
        <template v-else-if="s.id === 'take_over'">
          <a v-if="of.take_over.agent" class="btn btn-small" :class="{ 'btn-primary': !s.done }" :href="'/groups/' + encodeURIComponent(of.take_over.group) + '?agent=' + encodeURIComponent(of.take_over.agent)">To one at work</a>
          <template v-else-if="!s.done"><span class="guide-wait">Nobody is at work now.</span>
            <button type="button" class="btn btn-small" :class="{ 'btn-primary': of.see.done }" :disabled="starting || !!off('CreateGroup')" :title="off('CreateGroup') || slowly" @click="start(slow)">{{ starting ? "Starting…" : "Start a slow survey" }}</button></template>
        </template>
        <a v-else-if="!s.done" class="btn btn-small" href="/people">Set up sign-in</a>
      </div>
    </li>
  </ol>
</section>`,
  data: () => ({ adding: false, starting: false, closed: false, most: OFFERS, slow: SLOW, slowly: SLOWLY }),
  computed: {
    of() {
      return Object.fromEntries(this.about.steps.map((step) => [step.id, step]));
    },
    steps() {
      const words = {
        see: ["See it run", "A bundled program hands the files of a folder to sub-agents and writes a report. No model is needed."],
        model: ["Bring in a model", this.offers.length && !this.of.model.done ? "These were found on this machine." : "Kimi, or any model behind an OpenAI-compatible endpoint, here or elsewhere."],
        take_over: ["Try a take-over", "Open a sub-agent that is at work, press T, do a step yourself, and hand it back with a note."],
        people: ["Let others in", "Set up sign-in when others are to join; until then only this machine is answered."],
      };
      return this.about.steps.map((step) => ({ ...step, title: words[step.id][0], words: words[step.id][1] }));
    },
    done() {
      return this.about.steps.filter((step) => step.done).length;
    },
  },
  methods: {
    off: whyNot,
    async start(how) {
      this.starting = true;
      try {
        const folder = this.of.see.folder;
        const name = `${how.pace ? "Slow survey" : "Survey"} of ${folder.split("/").filter(Boolean).at(-1) ?? folder}`.slice(0, 80);
        const made = await api("POST", "/groups", { name, template: "survey", folder, start: true, ...how });
        location.assign(`/groups/${encodeURIComponent(made.id)}`);
      } catch (error) {
        this.starting = false;
        sayError(error);
      }
    },
    add(at) {
      this.adding = true;
      this.$emit("add", { at });
    },
    free() {
      this.adding = false;
    },
    async close() {
      try {
        await api("PUT", "/guide", { shown: false });
        this.closed = true;
        this.$emit("closed");
      } catch (error) {
        sayError(error);
      }
    },
  },
};
