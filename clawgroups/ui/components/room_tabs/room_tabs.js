// Wall, or result and files; on narrow screens also the inbox and the drawer. The class on .room does the showing.
import { feedOf } from "/claw/feed.js";
import { room } from "/claw/room.js";

const VIEWS = [["inbox", "Needs you"], ["wall", "Wall"], ["result", "Result"]];

export default {
  props: { groupId: String },
  template: `
    <div class="room-tabs">
      <div class="seg" role="group" aria-label="View">
        <button v-for="[key, label] in views" :key="key" type="button" :class="'room-tab-' + key" :aria-pressed="String(view === key)" @click="show(key, true)">
          {{ label }}<span v-if="key === 'inbox' && waiting" class="count">{{ waiting }}</span></button>
      </div>
      <div id="room-bar"></div>
      <p v-if="note" class="room-note" :class="'room-note-' + status" role="status">{{ note }}</p>
    </div>`,
  data: () => ({ view: "", views: VIEWS, status: "", waiting: 0, chosen: false }),
  computed: {
    note() {
      return {
        paused: "The group is paused: everybody stands still at a step boundary.",
        finished: "The group has finished.", cancelled: "The group was stopped.", draft: "Not started yet.",
      }[this.status];
    },
  },
  mounted() {
    this.feed = feedOf(this.groupId);
    this.stops = [this.feed.subscribe(() => this.read()), room.on("select", (id) => id && this.view === "result" && this.show("wall"))];
    this.narrow = matchMedia("(max-width: 700px)");
    this.show(this.narrow.matches ? "inbox" : "wall");
    this.read();
  },
  unmounted() {
    for (const stop of this.stops) stop();
  },
  methods: {
    read() {
      const { group, requests } = this.feed.state;
      if (!group) return;
      const first = !this.status;
      this.status = group.status;
      this.waiting = requests.size;
      if (first && group.status === "finished" && !this.chosen && !room.selected) this.show("result");
    },
    show(view, chosen = false) {
      this.view = view;
      this.chosen ||= chosen;
      document.querySelector(".room").dataset.view = view;
      document.dispatchEvent(new CustomEvent("claw:view", { detail: view }));
    },
  },
};
