// The folders of a workspace, asked for as they are opened. One flat list of rows, so that arrows just go up and down.
export default {
  template: `
<ul class="ws-tree" :role="items.length ? 'tree' : null" aria-label="Workspace" @keydown="key">
  <template v-for="(row, n) in rows" :key="row.path + row.kind">
    <li v-if="row.kind === 'note'" class="ws-note" :class="{bad: row.bad}" :role="items.length ? 'none' : null" :style="{'--deep': row.deep}">{{ row.name }}</li>
    <li v-else class="ws-row" :class="{'is-folder': row.folder}" role="treeitem" :data-path="row.path" :style="{'--deep': row.deep}" :aria-level="row.deep + 1"
      :aria-expanded="row.folder ? Boolean(unfolded[row.path]) : null" :aria-selected="row.path === opened" :tabindex="row.path === here ? 0 : -1"
      @click="act(row)" @focus="at = row.path"><span class="ws-fold" aria-hidden="true">{{ row.folder ? (unfolded[row.path] ? "▾" : "▸") : "" }}</span>
      <span class="ws-name mono"><bdi>{{ row.name }}</bdi>{{ row.folder ? "/" : "" }}</span><span v-if="!row.folder" class="num dim">{{ size(row) }}</span></li>
  </template>
</ul>`,
  props: { opened: String, turn: Number },
  emits: ["load", "open"],
  data: () => ({ folders: {}, unfolded: { ".": true }, problems: {}, at: "" }),
  computed: {
    rows() {
      const made = [];
      const add = (folder, deep) => {
        if (this.problems[folder]) made.push({ kind: "note", path: folder, name: this.problems[folder], deep, bad: true });
        const body = this.folders[folder];
        if (!body) return this.problems[folder] || made.push({ kind: "note", path: folder, name: "Looking…", deep });
        for (const entry of body.entries) {
          const path = folder === "." ? entry.name : `${folder}/${entry.name}`;
          made.push({ ...entry, kind: "row", path, deep });
          if (entry.folder && this.unfolded[path]) add(path, deep + 1);
        }
        if (body.more) made.push({ kind: "note", path: folder, name: `${body.more.toLocaleString()} more are not shown`, deep });
        if (!body.entries.length) made.push({ kind: "note", path: folder, name: "empty", deep });
      };
      add(".", 0);
      return made;
    },
    items() {
      return this.rows.filter((row) => row.kind === "row");
    },
    here() {
      return this.items.some((row) => row.path === this.at) ? this.at : this.items[0]?.path;
    },
  },
  watch: {
    turn() {
      for (const path of Object.keys(this.unfolded)) if (this.unfolded[path]) this.$emit("load", { path });
    },
  },
  mounted() {
    this.$emit("load", { path: "." });
  },
  methods: {
    size: (row) => (row.bytes < 1000 ? `${row.bytes} B` : row.bytes < 1e6 ? `${(row.bytes / 1000).toFixed(1)} kB` : `${(row.bytes / 1e6).toFixed(1)} MB`),
    fill(path, body) {
      delete this.problems[path];
      this.folders[path] = body;
    },
    fail(path, sentence) {
      delete this.folders[path];
      this.problems[path] = sentence;
    },
    act(row) {
      this.at = row.path;
      if (!row.folder) return this.$emit("open", { path: row.path });
      this.fold(row, !this.unfolded[row.path]);
    },
    fold(row, open) {
      this.unfolded[row.path] = open;
      if (open) this.$emit("load", { path: row.path });
    },
    key(event) {
      const index = this.items.findIndex((row) => row.path === this.here);
      const row = this.items[index];
      if (!row || event.ctrlKey || event.metaKey || event.altKey) return;
      const up = row.path.slice(0, row.path.lastIndexOf("/"));
      const moves = {
        ArrowDown: () => this.go(index + 1),
        ArrowUp: () => this.go(index - 1),
        Home: () => this.go(0),
        End: () => this.go(this.items.length - 1),
        ArrowRight: () => (row.folder && !this.unfolded[row.path] ? this.fold(row, true) : row.folder && this.go(index + 1)),
        ArrowLeft: () => (row.folder && this.unfolded[row.path] ? this.fold(row, false) : up && this.go(this.items.findIndex((each) => each.path === up))),
        Enter: () => this.act(row),
        " ": () => this.act(row),
      };
      if (!moves[event.key]) return;
      event.preventDefault();
      event.stopPropagation();
      moves[event.key]();
    },
    go(index) {
      const row = this.items[index];
      if (!row) return;
      this.at = row.path;
      this.$nextTick(() => [...this.$el.querySelectorAll(".ws-row")].find((each) => each.dataset.path === row.path)?.focus());
    },
  },
};
