// Saved templates. Their names are words of people.
import { api } from "/claw/api.js";
import { ask } from "/claw/ask.js";
import { say, sayError } from "/claw/say.js";

export default {
  props: { saved: Array, here: String },
  template: `
<section v-if="listed.length" class="saved" aria-labelledby="saved-title">
  <h2 id="saved-title">Your templates</h2>
  <ul>
    <li v-for="t in listed" :key="t.id" class="saved-one" :class="{ 'saved-here': t.id === here }" :data-template="t.id">
      <a :href="'/new?template=' + encodeURIComponent(t.id)" :aria-current="t.id === here ? 'true' : null"><bdi class="cut" :title="t.name">{{ t.name }}</bdi><span class="saved-kind">{{ t.kind }}</span></a>
      <button type="button" class="btn btn-small btn-ghost" :aria-label="'Rename ' + t.name" @click="rename(t)">Rename</button>
      <button type="button" class="btn btn-small btn-ghost btn-no" :aria-label="'Remove ' + t.name" @click="remove(t)">Remove</button>
    </li>
  </ul>
</section>`,
  data: () => ({ listed: [] }),
  created() {
    this.listed = [...this.saved];
  },
  methods: {
    path: (t) => `/templates/${encodeURIComponent(t.id)}`,
    async rename(t) {
      const made = await ask({
        title: "Another name", act: "Rename",
        fields: [{ name: "name", label: "Name", type: "line", value: t.name, required: true, missing: "Give it a name." }],
        submit: async ({ name }) => {
          try {
            return { answer: await api("PATCH", this.path(t), { name }) };
          } catch (error) {
            return { problem: [error.message, error.hint].filter(Boolean).join(" ") };
          }
        },
      });
      if (made) this.listed = this.listed.map((one) => (one.id === t.id ? { ...one, name: made.name } : one));
    },
    async remove(t) {
      const sure = await ask({ title: `Remove ${t.name.slice(0, 120)}?`, text: "Groups that were made from it stay as they are.", act: "Remove it", kind: "danger" });
      if (!sure) return;
      try {
        await api("DELETE", this.path(t));
      } catch (error) {
        return sayError(error);
      }
      this.listed = this.listed.filter((one) => one.id !== t.id);
      say({ sentence: `${t.name} was removed.`, kind: "ok" });
      if (t.id === this.here) location.assign("/new");
    },
  },
};
