// The files of a workspace: changed ones, and others that are looked for by a word; any path can be typed.
const SHOWN = 200;
const MARKS = { added: "A", modified: "M", deleted: "D" };

export default {
  template: `
<div class="files">
  <form class="field" @submit.prevent="submit"><label :for="id">Find or open a file</label>
    <input :id="id" v-model="word" type="text" autocomplete="off" spellcheck="false" placeholder="a part of its path, or a whole one such as source/README.md"></form>
  <p v-if="loading" class="files-note">Looking at the workspace…</p>
  <template v-else>
    <h4>{{ changed.length ? changed.length + " changed " + since : "Nothing changed " + since }}</h4>
    <ul v-if="changed.length"><li v-for="file in changed" :key="file.path"><button type="button" class="files-item" :class="'is-' + file.status"
      :aria-pressed="file.path === opened" @click="open(file, file.status !== 'same')"><b class="files-mark" :title="file.status">{{ mark(file) }}</b>
      <span class="mono files-path"><bdi>{{ file.path }}</bdi></span><span class="num dim">{{ size(file) }}</span></button></li></ul>
    <h4 v-if="word.trim() && rest.length">Others by that name<span class="dim"> {{ rest.length }}</span></h4>
    <ul v-if="word.trim()"><li v-for="file in rest.slice(0, most)" :key="file.path"><button type="button" class="files-item" :aria-pressed="file.path === opened"
      @click="open(file, false)"><b class="files-mark"></b><span class="mono files-path"><bdi>{{ file.path }}</bdi></span><span class="num dim">{{ size(file) }}</span></button></li></ul>
    <p v-if="word.trim() && rest.length > most" class="files-note">{{ rest.length - most }} more; narrow them by a word.</p>
    <p v-if="!files.length" class="files-note">The workspace is empty. The group's folder is at source/.</p>
  </template>
</div>`,
  props: { files: Array, opened: String, loading: Boolean, since: String },
  emits: ["open"],
  data: () => ({ word: "", id: `files-${Math.random().toString(36).slice(2)}`, most: SHOWN }),
  computed: {
    found() {
      const word = this.word.trim().toLowerCase();
      return this.files.filter((file) => file.path.toLowerCase().includes(word));
    },
    changed() {
      return this.found.filter((file) => file.status !== "same");
    },
    rest() {
      return this.found.filter((file) => file.status === "same");
    },
  },
  methods: {
    mark: (file) => MARKS[file.status] || "•",
    size: (file) => (file.bytes < 1000 ? `${file.bytes} B` : `${(file.bytes / 1000).toFixed(1)} kB`),
    open(file, diff) {
      this.$emit("open", { path: file.path, diff });
    },
    submit() {
      const path = this.word.trim();
      if (path) this.$emit("open", { path: this.found.length === 1 ? this.found[0].path : path, diff: false });
    },
  },
};
