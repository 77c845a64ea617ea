// The files chosen for words that are not sent yet: sent to the server at once, shown with how far they are, kept with
// the words over a reload. What fails says why and stays; it keeps neither the words nor the other files.
import { forget, keep, kept } from "/claw/kept.js";
import { MOST, thumbnail, upload, wrongWith } from "/claw/upload.js";
import { bytes, plain } from "/claw/words.js";

const AT_ONCE = 2;
const CLEARED_MS = 23 * 3600 * 1000; // the server clears what was not posted after a day

export const Picked = {
  props: { groupId: String, off: Boolean },
  emits: ["change"],
  template: `
<div class="picked" v-show="items.length">
  <ul aria-label="Attached">
    <li v-for="f in items" :key="f.key" class="picked-one" :class="'picked-' + f.state" :data-state="f.state">
      <img v-if="f.thumb" class="picked-thumb" :src="f.thumb" alt=""><span v-else class="picked-thumb picked-sheet" aria-hidden="true">{{ ending(f) }}</span>
      <span class="picked-words"><bdi class="cut picked-name" :title="plain(f.name)">{{ plain(f.name) }}</bdi>
        <progress v-if="f.state === 'sending'" max="1" :value="f.share" :aria-label="'Sending ' + plain(f.name)"></progress>
        <span v-else-if="f.state === 'failed'" class="picked-wrong" role="alert">{{ f.wrong }} <button v-if="f.again" type="button" class="talk-fold" @click="again(f)">Try again</button></span>
        <span v-else class="num dim">{{ f.state === "waiting" ? "waits" : bytes(f.size) }}</span></span>
      <button type="button" class="btn btn-icon btn-small btn-ghost" :aria-label="'Remove ' + plain(f.name)" title="Remove" @click="remove(f)">×</button>
    </li>
  </ul>
  <input ref="input" type="file" multiple hidden @change="chosen">
</div>`,
  data: () => ({ items: [] }),
  created() {
    this.files = new Map(); // key -> {file, stop}: what is sent from this page
    this.number = 0;
    this.restore();
  },
  watch: {
    items: { deep: true, handler: "changed" },
  },
  mounted() {
    this.changed();
  },
  unmounted() {
    for (const { stop } of this.files.values()) stop.abort();
  },
  methods: {
    bytes, plain,
    ending: (f) => f.name.split(".").slice(1).at(-1)?.slice(0, 4).toUpperCase() || "FILE",
    /** Asks for files. */
    pick() {
      this.$refs.input.click();
    },
    chosen(event) {
      this.add([...event.target.files]);
      event.target.value = ""; // so that the same file can be chosen again
    },
    /** What was dropped or pasted. A folder is said to be none of it. */
    take(transfer) {
      const folders = new Set([...transfer.items].filter((one) => one.webkitGetAsEntry?.()?.isDirectory).map((one) => one.getAsFile()?.name));
      this.add([...transfer.files], folders);
    },
    add(files, folders = new Set()) {
      for (const file of files) {
        const full = this.items.filter((one) => one.state !== "failed").length >= MOST;
        const wrong = folders.has(file.name) ? "A folder cannot be attached." : wrongWith(file) || (full ? `A message takes ${MOST} files at most.` : "");
        const key = `new-${++this.number}`;
        this.items.push({ key, name: file.name || "file", size: file.size, media_type: file.type, thumb: "", share: 0, id: "", at: Date.now(), wrong, again: false, state: wrong ? "failed" : "waiting" });
        if (wrong) continue;
        this.files.set(key, { file, stop: new AbortController() });
        thumbnail(file).then((thumb) => Object.assign(this.item(key) ?? {}, { thumb }));
      }
      this.next();
    },
    item(key) {
      return this.items.find((one) => one.key === key);
    },
    next() {
      const sending = this.items.filter((one) => one.state === "sending").length;
      for (const one of this.items.filter((f) => f.state === "waiting").slice(0, AT_ONCE - sending)) this.send(one.key);
    },
    async send(key) {
      const { file, stop } = this.files.get(key);
      Object.assign(this.item(key), { state: "sending", share: 0, wrong: "" });
      try {
        const made = await upload(this.groupId, file, (share) => Object.assign(this.item(key) ?? {}, { share }), stop.signal);
        Object.assign(this.item(key) ?? {}, { ...made, state: "ready", at: Date.now() });
        this.files.delete(key);
      } catch (error) {
        Object.assign(this.item(key) ?? {}, { state: "failed", wrong: `Not sent: ${error.message}`, again: error.status === 0 || error.status >= 500 });
      }
      this.next();
    },
    again(f) {
      f.state = "waiting";
      this.next();
    },
    remove(f) {
      this.files.get(f.key)?.stop.abort();
      this.files.delete(f.key);
      this.items = this.items.filter((one) => one.key !== f.key);
      this.next();
    },
    /** These were posted. */
    clear(ids) {
      this.items = this.items.filter((one) => !ids.includes(one.id));
    },
    changed() {
      const ready = this.items.filter((one) => one.state === "ready").map((one) => one.id);
      this.$emit("change", { ready, under: this.items.some((one) => ["waiting", "sending"].includes(one.state)) });
      const key = `files:${this.groupId}`;
      const left = this.items.filter((one) => one.state !== "failed" || one.again).map(({ id, name, size, media_type, thumb, at }) => ({ id, name, size, media_type, thumb, at }));
      if (left.length) keep(key, JSON.stringify(left));
      else forget(key);
    },
    restore() {
      let left = [];
      try {
        left = JSON.parse(kept(`files:${this.groupId}`) || "[]");
      } catch {
        forget(`files:${this.groupId}`);
      }
      for (const one of left) {
        const old = Date.now() - one.at > CLEARED_MS;
        const wrong = one.id && !old ? "" : `${old ? "The server has cleared it meanwhile" : "It had not arrived when the page was left"}: choose it again.`;
        this.items.push({ ...one, key: `kept-${++this.number}`, share: 0, wrong, again: false, state: wrong ? "failed" : "ready" });
      }
    },
  },
};
