// How true is what I see? Also hears the house's state, so that one line says it all.
import { saveTemplate } from "/claw/deeds.js";
import { feedOf } from "/claw/feed.js";
import { whyNot } from "/claw/me.js";
import { room } from "/claw/room.js";
import { plural, whole } from "/claw/words.js";

export default {
  props: { groupId: String },
  template: `
    <footer class="gfoot">
      <span class="num">{{ count }}</span>
      <span v-if="over" class="gfoot-over">{{ over }}: kept as it ended, read-only</span>
      <span class="gfoot-wide gfoot-wall">Bars: tokens a second, last 60 s</span>
      <template v-if="!over"><span class="gfoot-wide"><kbd class="kbd">J</kbd> <kbd class="kbd">K</kbd> next that needs you</span>
        <span class="gfoot-wide"><kbd class="kbd">T</kbd> take over</span>
        <span class="gfoot-wide"><kbd class="kbd">P</kbd> pause</span></template>
      <span class="gfoot-wide"><kbd class="kbd">?</kbd> all keys</span>
      <button v-if="known" type="button" class="gfoot-act" :disabled="!!off('CreateGroup')" :title="off('CreateGroup')" @click="save">Save as a template…</button>
      <span class="gfoot-state num" :class="'gfoot-' + look" role="status"><i class="dot" aria-hidden="true"></i>{{ words }}</span>
    </footer>`,
  data: () => ({ total: 0, matching: null, behind: 0, phase: "connecting", status: "", known: false }),
  computed: {
    count() {
      if (this.matching !== null && this.matching < this.total) return `${whole(this.matching)} of ${plural(this.total, "sub-agent")}`;
      return plural(this.total, "sub-agent");
    },
    over() {
      return { finished: "Finished", cancelled: "Stopped" }[this.status] ?? "";
    },
    look() {
      if (this.phase !== "live") return "warn";
      return this.behind > 2000 ? "warn" : "ok";
    },
    words() {
      if (this.phase === "gone") return "not connected";
      if (this.phase === "connecting") return "connecting…";
      if (this.phase === "reconnecting") return "reconnecting…";
      const over = { finished: "finished", cancelled: "stopped", draft: "not started" }[this.status];
      if (over) return `live · ${over}`;
      return `live · ${whole(Math.round(this.behind))} ms behind`;
    },
  },
  mounted() {
    this.feed = feedOf(this.groupId);
    this.stops = [
      this.feed.subscribe((message) => message.type === "connection" && this.read()),
      room.on("filter", ({ matching }) => (this.matching = matching)),
    ];
    this.timer = setInterval(() => this.read(), 500);
    this.read();
  },
  unmounted() {
    for (const stop of this.stops) stop();
    clearInterval(this.timer);
  },
  methods: {
    off: whyNot,
    save() {
      return saveTemplate(this.feed.state.group);
    },
    read() {
      const { tiles, behind, phase, group } = this.feed.state;
      this.total = tiles.size;
      this.behind = this.behind ? 0.7 * this.behind + 0.3 * behind : behind;
      this.phase = phase;
      this.status = group?.status ?? "";
      this.known = Boolean(group);
    },
  },
};
