// What the group made. Files come as downloads; text is read on the page, drawn by the server's markdown element.
import { api } from "/claw/api.js";
import { ExportLinks } from "/claw/exports.js";
import { feedOf } from "/claw/feed.js";
import { resultOf } from "/claw/steps.js";
import { views } from "/claw/views.js";
import { bytes } from "/claw/words.js";

const FAR = Number.MAX_SAFE_INTEGER; // later than any event
const READABLE = /\.(md|markdown|txt|json|csv|log|py|toml|ya?ml|patch|diff)$/i;
const OVER = new Set(["finished", "cancelled"]);

export default {
  components: { ExportLinks },
  props: { groupId: String },
  emits: ["read"],
  template: `
    <section class="result" aria-label="Result and files">
      <aside class="result-side">
        <div class="result-part" v-if="words"><h2>Result</h2><p class="result-words">{{ words }}</p></div>
        <div class="result-part"><h2>Files</h2>
          <div v-if="files === null" class="skeleton" style="height: 60px"></div>
          <p v-else-if="!files.length" class="muted">{{ over ? "The group left no files." : "Nothing written yet." }}</p>
          <ul v-else class="result-files"><li v-for="f in files" :key="f.path" :class="{ 'result-on': f.path === reading }">
            <button v-if="readable(f)" type="button" class="link cut" :title="f.path" @click="read(f.path)">{{ f.path }}</button>
            <span v-else class="cut" :title="f.path">{{ f.path }}</span>
            <span class="num dim">{{ bytes(f.bytes) }}</span>
            <a class="btn btn-icon btn-small btn-ghost" :href="href(f)" :download="f.path.split('/').at(-1)" :aria-label="'Download ' + f.path" title="Download">↓</a></li></ul>
          <p v-if="problem" class="drawer-problem" role="alert">{{ problem }}</p></div>
        <div class="result-part"><h2>Record</h2><export-links :group-id="groupId"></export-links></div>
      </aside>
      <div class="result-page"><slot></slot>
        <p v-if="!reading && files" class="blank-text result-hint">{{ files.some(readable) ? "Choose a file to read it here." : "" }}</p></div>
    </section>`,
  data: () => ({ files: null, words: "", reading: "", over: false, problem: "" }),
  mounted() {
    this.feed = feedOf(this.groupId);
    this.stop = this.feed.subscribe((m) => (m.type === "snapshot" || (m.type === "batch" && m.group)) && this.look());
    this.unview = views.watch((view) => view === "result" && this.load());
    if (this.feed.state.group) this.look();
  },
  unmounted() {
    this.stop();
    this.unview();
  },
  methods: {
    bytes,
    readable: (file) => READABLE.test(file.path),
    href(file) {
      return `/api/v1/groups/${this.groupId}/files/${file.path.split("/").map(encodeURIComponent).join("/")}`;
    },
    look() {
      const over = OVER.has(this.feed.state.group.status);
      if (over && !this.over) {
        this.over = true;
        this.load();
      }
    },
    async load() {
      try {
        const { root } = this.feed.state.group ?? {};
        const [{ files }, thread] = await Promise.all([
          api("GET", `/groups/${this.groupId}/files`),
          this.over && root ? api("GET", `/agents/${root}/transcript?before=${FAR}&limit=8`) : null,
        ]);
        this.files = files.filter((file) => !file.path.startsWith("source/"));
        this.words = thread ? resultOf(thread.entries) : "";
        this.problem = "";
        const first = this.files.find((file) => /\.md$/.test(file.path));
        if (this.over && first && !this.reading) this.read(first.path);
      } catch (error) {
        this.files ??= [];
        this.problem = `${error.message} ${error.hint ?? ""}`;
      }
    },
    read(path) {
      this.reading = path;
      this.$emit("read", path);
    },
  },
};
