// One selection on a group's page: the open request is one of the selected sub-agent, which wall and drawer show and the
// keys mean. Methods of the inbox.
import { typing } from "/claw/keys.js";
import { room } from "/claw/room.js";
import { say } from "/claw/say.js";
import { views } from "/claw/views.js";
import { plain } from "/claw/words.js";

export const NARROW = "(max-width: 700px)"; // where the drawer would cover the inbox
export const PAGE = 50; // rows shown at first, and how many more at a time

export const selection = {
  /** One selection: the open request is one of the selected sub-agent, or none. */
  follow(agent) {
    if (!agent || this.leading || this.rows.some((row) => row.key === this.open && row.r?.agent === agent)) return;
    const first = this.firstOf(agent);
    if (first) this.show(first);
    else this.open = null;
  },
  /** Whose requests are open: one, or all of a folded cause. */
  openAgents() {
    const row = this.rows.find((one) => one.key === this.open);
    return new Set((row?.all ?? (row ? [row.r] : [])).map((r) => r.agent));
  },
  firstOf(agent, but = "") {
    const listed = (r) => r.id !== but && Boolean(this.until[r.id]) === (this.tab === "snoozed") && !this.taken[r.id] && !this.settled[r.id];
    return this.items.find((r) => r.agent === agent && listed(r));
  },
  /** Opens this row; a sub-agent that is selected, and does not ask it, makes way for one that does. */
  lead(key, focus) {
    this.reveal(key, focus);
    if (room.selected) this.selectOpen();
  },
  selectOpen() {
    const agents = this.openAgents();
    if (!agents.size || agents.has(room.selected)) return;
    this.leading = true; // what is open stays so
    room.select([...agents][0]);
    this.leading = false;
  },
  /** After the list changed: what is open is shown, or nothing is open. */
  keepOpen() {
    const shown = () => this.rows.some((row) => row.key === this.open);
    if (!this.open || shown()) return;
    const cause = this.causes.find(({ ids }) => ids.includes(this.open));
    if (cause) this.unfolded = { ...this.unfolded, [cause.key]: true };
    if (!shown()) this.open = null;
  },
  show(r, focus = false) {
    const cause = this.causes.find(({ ids }) => ids.includes(r.id));
    if (cause) this.unfolded = { ...this.unfolded, [cause.key]: true };
    this.reveal(r.id, focus);
  },
  /** Opens a row and brings it into sight. */
  reveal(key, focus) {
    this.open = key;
    const at = this.rows.findIndex((row) => row.key === key);
    if (at >= this.shown) this.shown = (Math.floor(at / PAGE) + 1) * PAGE;
    this.$nextTick(() => {
      const item = this.itemOf(key);
      item?.scrollIntoView({ block: "nearest" });
      if (focus) item?.querySelector(".item-name").focus({ preventScroll: true });
    });
  },
  itemOf(key) {
    return this.$el.querySelector(`[data-request="${CSS.escape(key)}"], [data-cause="${CSS.escape(key)}"]`);
  },
  /** Whether the head of this row can be seen: what is not on screen is not answered by a key. */
  inSight(key) {
    const head = this.itemOf(key)?.querySelector(".item-head").getBoundingClientRect();
    const list = this.$el.querySelector(".inbox-list")?.getBoundingClientRect();
    if (!head?.height || !list) return false;
    const middle = head.top + head.height / 2;
    return middle > Math.max(list.top, 0) && middle < Math.min(list.bottom, innerHeight);
  },
  step(by) {
    if (this.tab === "answered" || !this.rows.length) return;
    const { length } = this.rows;
    const at = this.rows.findIndex((row) => row.key === this.open);
    const next = this.rows[at < 0 ? (by > 0 ? 0 : length - 1) : (at + by + length) % length];
    this.reveal(next.key, true);
    this.selectOpen();
  },
  /** After an answer: what else the same sub-agent asks, or the next row, and its sub-agent with it. */
  onward(r, at) {
    const same = this.firstOf(r.agent, r.id);
    if (same) return this.show(same);
    const rest = this.rows.filter((row) => row.key !== r.id); // the feed may not have told of its end yet
    const next = rest[Math.min(Math.max(at, 0), rest.length - 1)];
    const writes = typing(document.activeElement) && !this.$el.contains(document.activeElement);
    if (next && !writes) this.lead(next.key); // whoever writes to this one meanwhile is not led to another
    else this.open = null;
  },
  /** A key was pressed, and there is nothing selected that it could answer. */
  sayNone() {
    if (!this.rows.length) return;
    const tile = this.feed.state.tiles.get(room.selected);
    say({ sentence: tile ? `${plain(tile.name)} asks nothing now.` : "Nothing is selected here.", hint: "Press J for the next that needs you." });
  },
  /** The first press shows what the next one answers. */
  toSight(key) {
    if (matchMedia(NARROW).matches && views.view !== "inbox") views.choose("inbox");
    this.reveal(key, true);
  },
};
