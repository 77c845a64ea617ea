// Who else has this sub-agent open; and tells the others that this person has.
import { others } from "/claw/faces.js";
import { feedOf } from "/claw/feed.js";

export default {
  props: { groupId: String, agentId: String },
  template: `
    <span><ul v-if="there.shown.length" class="faces" :aria-label="there.words" :title="there.words"><li v-for="f in there.shown" :key="f.id" class="face" :style="{ '--hue': f.hue }" :data-face="f.id" :title="f.name"><span aria-hidden="true">{{ f.initials }}</span><span class="sr">{{ f.name }}</span></li><li v-if="there.more" class="face face-more">+{{ there.more }}</li></ul></span>`,
  data: () => ({ there: others([]) }),
  mounted() {
    this.feed = feedOf(this.groupId);
    this.feed.look(this.agentId);
    this.stop = this.feed.subscribe((message) => (message.people || message.type === "snapshot") && this.read());
    this.read();
  },
  unmounted() {
    this.stop();
    this.feed.look("");
  },
  methods: {
    read() {
      this.there = others(this.feed.state.people, this.agentId);
    },
  },
};
