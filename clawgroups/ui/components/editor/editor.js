// One file of a workspace in CodeMirror. Words that are not saved stay in the browser, each file's by itself.
import { Compartment, EditorState, EditorView, basicSetup, defaultHighlightStyle, keymap, languages, LanguageDescription, oneDarkHighlightStyle, syntaxHighlighting } from "nicegui-codemirror";
import { ours } from "/claw/kept.js";

const PAUSE_MS = 250;
const PATIENCE_MS = 30000; // then it may be tried again

const tone = (line) => ({ "+": "add", "-": "cut-line", "@": "at" })[line[0]] || "";

export default {
  template: `
<section class="ed-room">
  <p v-for="path in left" :key="path" class="ed-note attention" role="status">Unsaved words of yours for <b class="mono"><bdi>{{ path }}</bdi></b> are kept in this browser.
    <button type="button" class="btn btn-small" @click="$emit('want', {path})">Open it</button></p>
  <div v-show="file" class="ed" :aria-label="file ? 'Editor of ' + file.path : null" role="group" :data-state="state">
    <div class="ed-head"><h3 class="mono"><bdi>{{ file?.path }}</bdi></h3>
      <span class="ed-state" :class="'is-' + state" role="status">{{ told }}</span>
      <button v-if="state === 'dirty' || state === 'conflict'" type="button" class="btn btn-small" data-act="drop" @click="drop">Put my words away</button>
      <button v-if="!fixed" type="button" class="btn btn-small btn-primary" data-act="save" :disabled="!canSave" :title="off || null" @click="save">Save<span class="kbd" aria-hidden="true">Ctrl S</span></button>
      <button type="button" class="btn btn-small" data-act="close" @click="$emit('shut')">Close</button></div>
    <p v-if="fixed" class="ed-note">{{ fixed }}{{ file?.truncated ? " Only its beginning is shown." : "" }}</p>
    <p v-else-if="off && ['dirty', 'conflict'].includes(state)" class="ed-note">{{ off }} Your words are kept in this browser.</p>
    <p v-if="problem" class="ed-note bad" role="alert">{{ problem }}</p>
    <p v-if="state === 'conflict'" class="ed-note attention" role="alert">{{ clash.gone ? "The file was deleted" : "The file was changed" }} by something else since you began. This is how yours differs from what stands there now:
      <button type="button" class="btn btn-small" data-act="over" :disabled="Boolean(off)" :title="off || null" @click="over">Save mine over it</button></p>
    <pre v-if="state === 'conflict'" class="ed-diff" tabindex="0" aria-label="Difference"><span v-for="(line, n) in clash.lines" :key="n" :class="tone(line)">{{ line + "\\n" }}</span></pre>
    <p v-else-if="moved" class="ed-note attention" role="status">{{ moved }}</p>
    <div ref="body" class="ed-body"></div>
  </div>
</section>`,
  props: { keep: String, file: Object, off: String },
  emits: ["save", "shut", "want"],
  data: () => ({
    state: "clean", // clean, dirty, saving, saved, conflict
    problem: "",
    clash: { lines: [], gone: false },
    moved: "",
    left: [],
  }),
  computed: {
    fixed() {
      return this.file?.fixed ? `Read only. ${this.file.fixed}` : "";
    },
    told() {
      if (this.fixed) return "read only";
      const words = { clean: "", dirty: "not saved", saving: "saving…", saved: "saved, and on record", conflict: "not saved" };
      return words[this.state];
    },
    canSave() {
      return !this.off && (this.state === "dirty" || (this.state !== "saving" && !this.file?.sha && this.state !== "conflict"));
    },
  },
  watch: {
    file(now, before) {
      this.flush(before);
      if (now) this.begin(now, now.path === before?.path);
      this.list();
    },
  },
  created() {
    this.base = ""; // sha of what was begun with
    this.sent = null; // what is being saved
  },
  mounted() {
    this.language = new Compartment();
    this.look = new Compartment();
    this.access = new Compartment();
    this.leave = () => this.flush(this.file);
    addEventListener("pagehide", this.leave);
    this.themes = new MutationObserver(() => this.view?.dispatch({ effects: this.look.reconfigure(this.colours()) }));
    this.themes.observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
    if (this.file) this.begin(this.file, false);
    this.list();
  },
  unmounted() {
    this.leave();
    removeEventListener("pagehide", this.leave);
    this.themes.disconnect();
    clearTimeout(this.patience);
    this.view?.destroy();
  },
  methods: {
    tone,
    key(path) {
      return ours("file", `${this.keep}:${path}`);
    },
    draftOf(path) {
      const kept = localStorage.getItem(this.key(path));
      return kept ? JSON.parse(kept) : null;
    },
    list() {
      const start = this.key("");
      const names = Object.keys(localStorage).filter((name) => name.startsWith(start));
      this.left = names.map((name) => name.slice(start.length)).filter((path) => path !== this.file?.path).sort();
    },
    text() {
      return this.view.state.doc.toString();
    },
    // --- opening ---
    begin(file, again) {
      if (again && this.state === "saving") return;
      if (again && (this.state === "dirty" || this.state === "conflict")) {
        if (this.state === "dirty" && file.sha !== this.base) this.moved = "The file has changed since you began; you will be shown how when you save.";
        return;
      }
      const stands = file.text.replaceAll("\r\n", "\n"); // as the editor keeps it; a save puts the ends back
      const draft = file.fixed ? null : this.draftOf(file.path);
      const kept = draft && draft.text !== stands;
      if (draft && !kept) localStorage.removeItem(this.key(file.path));
      if (again && !kept && this.view && this.text() === stands) {
        this.base = file.sha;
        return;
      }
      this.problem = "";
      this.base = kept ? draft.base : file.sha;
      this.state = kept ? "dirty" : "clean";
      this.moved = kept && draft.base !== file.sha ? "These are your unsaved words; the file has changed since you began." : "";
      this.make(kept ? draft.text : stands, file);
    },
    make(text, file) {
      const made = EditorState.create({ doc: text, extensions: this.extensions(file) });
      if (this.view) this.view.setState(made);
      else this.view = new EditorView({ state: made, parent: this.$refs.body });
      const found = LanguageDescription.matchFilename(languages, file.path.split("/").pop());
      found?.load().then(
        (support) => this.file?.path === file.path && this.view.dispatch({ effects: this.language.reconfigure(support) }),
        () => {}, // without colours it can be edited all the same
      );
    },
    extensions(file) {
      return [
        keymap.of([{ key: "Mod-s", preventDefault: true, run: () => (this.save(), true) }]),
        basicSetup,
        this.language.of([]),
        this.look.of(this.colours()),
        this.access.of([EditorState.readOnly.of(Boolean(file.fixed)), EditorView.editable.of(!file.fixed)]),
        EditorView.contentAttributes.of({ "aria-label": `Text of ${file.path}`, ...(file.fixed ? { tabindex: "0" } : {}) }),
        EditorView.updateListener.of((update) => update.docChanged && this.typed()),
      ];
    },
    colours() {
      const dark = document.documentElement.dataset.theme !== "light";
      return [EditorView.theme({}, { dark }), syntaxHighlighting(dark ? oneDarkHighlightStyle : defaultHighlightStyle)];
    },
    // --- writing ---
    typed() {
      if (this.state !== "conflict" && this.state !== "saving") this.state = "dirty";
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.flush(this.file), PAUSE_MS);
    },
    flush(file) {
      clearTimeout(this.timer);
      if (!file || !this.view || !["dirty", "conflict", "saving"].includes(this.state)) return;
      try {
        localStorage.setItem(this.key(file.path), JSON.stringify({ base: this.base, text: this.text() }));
      } catch {
        this.problem = "The browser keeps no more words: these are only on this page until you save them.";
      }
    },
    drop() {
      localStorage.removeItem(this.key(this.file.path));
      this.state = "clean";
      this.$emit("want", { path: this.file.path });
    },
    // --- saving ---
    save() {
      if (!this.file || this.fixed || !this.canSave) return;
      this.flush(this.file);
      this.problem = "";
      this.moved = "";
      this.state = "saving";
      this.sent = this.text();
      this.patience = setTimeout(() => this.refused(this.file.path, "No answer yet. Look at the thread before you save again."), PATIENCE_MS);
      this.$emit("save", { path: this.file.path, text: this.sent.replaceAll("\n", this.file.eol || "\n"), base: this.base });
    },
    over() {
      this.base = this.clash.sha;
      this.state = "dirty";
      this.save();
    },
    saved(path, sha) {
      clearTimeout(this.patience);
      if (this.file?.path !== path) return localStorage.removeItem(this.key(path)); // it was closed meanwhile
      this.base = sha;
      if (this.text() === this.sent) {
        localStorage.removeItem(this.key(path));
        this.state = "saved";
      } else {
        this.state = "dirty"; // more was written meanwhile
        this.flush(this.file);
      }
      this.list();
    },
    conflict(path, diff, sha) {
      clearTimeout(this.patience);
      if (this.file?.path !== path) return;
      this.clash = { lines: diff.split("\n").slice(0, 400), sha, gone: !sha };
      this.state = "conflict";
    },
    refused(path, why) {
      clearTimeout(this.patience);
      if (this.file?.path !== path) return;
      this.state = "dirty";
      this.problem = why;
    },
  },
};
