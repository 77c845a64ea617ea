// The sub-agents in rows: sort, filter, choose, act on many, keep as CSV. AG Grid does the rows; the feed fills them.
import { DEEDS, bulk, touchedBy, whyNotMany } from "/claw/bulk.js";
import { THEME, columns, rowOf } from "/claw/columns.js";
import { csvOf, download } from "/claw/csv.js";
import { feedOf } from "/claw/feed.js";
import { room } from "/claw/room.js";
import { rosterOf } from "/claw/roster.js";
import { sieve } from "/claw/sieve.js";
import { views } from "/claw/views.js";
import { plural } from "/claw/words.js";

const BEAT_MS = 1000;
const ACTS = ["pause", "resume", "steer", "reassign", "cancel"];
const LABELS = { steer: "Steer…", reassign: "Reassign…", cancel: "End…" };
const KEPT = "claw-columns";

export default {
  props: { groupId: String },
  template: `
    <section class="sheet" aria-label="Table of sub-agents">
      <div class="view-bar">
        <div class="grow" role="status"><b class="num">{{ picked ? plural(picked, 'sub-agent') + ' chosen' : plural(shown, 'sub-agent') }}</b>
          <button v-if="picked" type="button" class="btn btn-small btn-ghost" @click="unpick">Choose none</button>
          <span v-else class="sheet-hint">Choose rows to act on many at once; Shift chooses a range.</span></div>
        <div v-if="picked" class="row" role="group" aria-label="Act on the chosen sub-agents">
          <button v-for="act in acts" :key="act" type="button" class="btn btn-small" :class="{ 'btn-danger': act === 'cancel' }" :data-act="act"
                  :disabled="Boolean(off(act)) || !can[act]" :title="off(act) || null" @click="deed(act)">{{ label(act) }} <span v-if="can[act]" class="num">{{ can[act] }}</span></button>
        </div>
        <details ref="chooser" class="sheet-chooser" @keydown.escape.stop="close"><summary class="btn btn-small">Columns</summary>
          <div class="sheet-columns" role="group" aria-label="Columns to show">
            <label v-for="one in all" :key="one.id"><input type="checkbox" :checked="one.on" :disabled="one.locked" @change="choose(one, $event)"> {{ one.name }}</label>
          </div></details>
        <button type="button" class="btn btn-small" :disabled="!shown" @click="keep">Export CSV</button>
      </div>
      <div v-if="phase === 'loading'" class="view-loading" aria-busy="true" aria-label="Loading"><div v-for="n in 12" :key="n" class="skeleton"></div></div>
      <div v-else-if="phase === 'gone'" class="blank" role="alert"><div class="blank-title">{{ title }}</div><div class="blank-text">{{ reason }}</div></div>
      <div v-show="phase === 'live'" ref="grid" class="sheet-grid" :class="{ 'view-stale': stale }"></div>
    </section>`,
  data: () => ({
    phase: "loading", title: "This group cannot be watched", reason: "", stale: false, picked: 0, shown: 0, acts: ACTS, can: {}, all: [],
  }),
  mounted() {
    this.feed = feedOf(this.groupId);
    this.roster = rosterOf(this.groupId);
    this.stops = [
      this.roster.subscribe((news) => this.hear(news)),
      this.feed.subscribe((message) => this.heard(message)),
      sieve.watch(() => this.grid?.onFilterChanged()),
      room.on("select", (id) => this.select(id)),
      views.watch((view) => this.switched(view)),
    ];
    this.beat = setInterval(() => this.tick(), BEAT_MS);
    this.outside = (event) => this.$refs.chooser?.open && !this.$refs.chooser.contains(event.target) && this.close();
    document.addEventListener("pointerdown", this.outside);
  },
  unmounted() {
    for (const stop of this.stops) stop();
    clearInterval(this.beat);
    document.removeEventListener("pointerdown", this.outside);
    this.grid?.destroy();
  },
  methods: {
    plural,
    label: (act) => LABELS[act] ?? DEEDS[act].label,
    off: whyNotMany,
    async switched(view) {
      this.on = view === "table";
      if (!this.on) return;
      if (this.grid) {
        if (this.late) this.fill();
        return this.select(room.selected);
      }
      if (this.building || !this.feed.state.group) return;
      this.building = true;
      try {
        this.build(await import("nicegui-aggrid"));
      } catch (error) {
        Object.assign(this, { phase: "gone", title: "The table could not be loaded", reason: String(error.message ?? error) });
      } finally {
        this.building = false;
      }
    },
    heard(message) {
      if (message.type === "snapshot" && !this.grid) this.switched(views.view);
      if (message.type !== "connection") return;
      this.stale = message.phase === "reconnecting";
      if (message.phase === "gone") Object.assign(this, { phase: "gone", reason: message.reason });
    },
    build(AgGrid) {
      AgGrid.ModuleRegistry.registerModules([AgGrid.AllCommunityModule]);
      const narrow = matchMedia("(max-width: 700px)").matches;
      this.phase = "live";
      this.grid = AgGrid.createGrid(this.$refs.grid, {
        theme: AgGrid.themeQuartz.withParams(THEME), columnDefs: columns(() => this.feed.now(), narrow), rowData: this.allRows(),
        defaultColDef: { sortable: true, resizable: true, floatingFilter: !narrow, suppressHeaderMenuButton: true, suppressFloatingFilterButton: true, minWidth: 64 },
        getRowId: ({ data }) => data.id, rowSelection: { mode: "multiRow", checkboxes: true, headerCheckbox: true, selectAll: "filtered", enableClickSelection: false },
        selectionColumnDef: { width: 46, pinned: narrow ? null : "left", suppressMovable: true, resizable: false },
        isExternalFilterPresent: () => !sieve.open, doesExternalFilterPass: ({ data }) => this.roster.of.has(data.id) && this.roster.fits(data.id),
        rowClassRules: { "sheet-chosen": ({ data }) => data.id === room.selected }, asyncTransactionWaitMillis: 120, suppressColumnVirtualisation: true,
        ensureDomOrder: true, tooltipShowDelay: 400, animateRows: false, overlayNoRowsTemplate: "<span>Nobody fits the filters.</span>",
        onSelectionChanged: () => this.counts(),
        onRowSelected: ({ node, source }) => source === "checkboxSelected" && (this.anchor = node.id), onRowClicked: (event) => this.clicked(event),
        onCellKeyDown: (event) => this.key(event),
        onModelUpdated: () => (this.shown = this.grid?.getDisplayedRowCount() ?? this.shown),
        onColumnVisible: () => this.columnsMoved(), onColumnMoved: () => this.columnsMoved(), onColumnResized: ({ finished }) => finished && this.columnsMoved(),
      });
      this.shown = this.grid.getDisplayedRowCount();
      const kept = narrow ? null : localStorage.getItem(KEPT);
      if (kept) this.grid.applyColumnState({ state: JSON.parse(kept), applyOrder: true });
      this.listColumns();
      this.select(room.selected);
    },
    allRows() {
      return [...this.roster.of.values()].map((one) => this.rowOf(one)).sort((a, b) => a.number - b.number);
    },
    rowOf(one) {
      return rowOf(one, this.feed.state.rates.get(one.tile.id)?.rate ?? 0);
    },
    hear({ changed, shape }) {
      if (!this.grid) return void (this.shown = this.roster.of.size);
      if (!this.on) return void (this.late = true);
      if (shape) return this.fill();
      this.update([...changed]);
    },
    fill() {
      this.late = false;
      const known = new Set();
      this.grid.forEachNode((node) => known.add(node.id));
      const gone = [...known].filter((id) => !this.roster.of.has(id)).map((id) => ({ id }));
      const fresh = this.allRows();
      this.grid.applyTransaction({ remove: gone, update: fresh.filter(({ id }) => known.has(id)), add: fresh.filter(({ id }) => !known.has(id)) });
      this.counts();
    },
    update(ids) {
      const rows = ids.filter((id) => this.grid.getRowNode(id)).map((id) => this.rowOf(this.roster.of.get(id)));
      if (rows.length) this.grid.applyTransactionAsync({ update: rows }, () => this.counts());
    },
    tick() {
      if (!this.on || !this.grid || document.hidden) return;
      const moved = [];
      this.grid.forEachNode(({ id, data }) => {
        const rate = this.feed.state.rates.get(id)?.rate ?? 0;
        if ((rate > 0.5 ? Math.round(rate) : 0) !== data.rate) moved.push(id);
      });
      this.update(moved);
      this.grid.refreshCells({ columns: ["since"], force: true });
    },
    // --- choosing ---
    counts() {
      const ids = this.grid.getSelectedNodes().map((node) => node.id);
      this.picked = ids.length;
      this.can = ids.length ? Object.fromEntries(ACTS.map((act) => [act, touchedBy(act, this.roster, ids).length])) : {};
    },
    unpick() {
      this.grid.deselectAll();
    },
    clicked({ event, node }) {
      if (event.shiftKey) return this.range(node);
      this.anchor = node.id;
      if (event.ctrlKey || event.metaKey) node.setSelected(!node.isSelected());
      else room.select(node.id);
    },
    range(node) {
      const from = this.grid.getRowNode(this.anchor ?? node.id)?.rowIndex ?? node.rowIndex;
      const nodes = [];
      for (let at = Math.min(from, node.rowIndex); at <= Math.max(from, node.rowIndex); at++) nodes.push(this.grid.getDisplayedRowAtIndex(at));
      this.grid.setNodesSelected({ nodes, newValue: true });
      getSelection().removeAllRanges();
    },
    key({ event, node }) {
      if (event.key !== "Enter") return;
      event.preventDefault();
      room.select(node.id);
      room.tell("enter");
    },
    select(id) {
      if (!this.grid || !this.on) return;
      const rows = [this.marked, id].map((one) => one && this.grid.getRowNode(one)).filter(Boolean);
      this.marked = id;
      if (rows.length) this.grid.redrawRows({ rowNodes: rows });
      const node = id && this.grid.getRowNode(id);
      if (node?.displayed) this.grid.ensureNodeVisible(node);
      const before = !id && rows[0]?.displayed ? rows[0] : null; // the drawer has gone: the focus goes back to its row
      if (before && document.activeElement?.closest(".drawer")) this.grid.setFocusedCell(before.rowIndex, "name");
    },
    deed(act) {
      return bulk(act, this.roster, this.grid.getSelectedNodes().map((node) => node.id), this.groupId);
    },
    // --- columns ---
    listColumns() {
      this.all = this.grid.getColumns().filter((one) => one.getColDef().field).map((one) => {
        const { headerName, lockVisible } = one.getColDef();
        return { id: one.getColId(), name: headerName, on: one.isVisible(), locked: Boolean(lockVisible) };
      });
    },
    choose(one, event) {
      this.grid.setColumnsVisible([one.id], event.target.checked);
    },
    columnsMoved() {
      if (!this.grid) return;
      this.listColumns();
      if (matchMedia("(max-width: 700px)").matches) return;
      const state = this.grid.getColumnState().map(({ colId, hide, width, flex }) => ({ colId, hide, width, flex }));
      localStorage.setItem(KEPT, JSON.stringify(state));
    },
    close() {
      this.$refs.chooser.open = false;
      this.$refs.chooser.querySelector("summary").focus();
    },
    // --- a file ---
    keep() {
      const fields = this.grid.getAllDisplayedColumns().filter((one) => one.getColDef().field);
      const rows = [fields.map((one) => one.getColDef().headerName)];
      this.grid.forEachNodeAfterFilterAndSort(({ data }) =>
        rows.push(fields.map((one) => (one.getColId() === "since" ? Math.max(0, Math.round((this.feed.now() - data.since) / 1000)) : data[one.getColId()]))));
      const name = (this.feed.state.group.name || "group").replace(/[^\p{L}\p{N}._-]+/gu, "-").slice(0, 60);
      download(`${name}-sub-agents.csv`, csvOf(rows), "text/csv;charset=utf-8");
    },
  },
};
