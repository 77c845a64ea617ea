// What the person at the wheel writes and has not sent: their page tells it a few times a second, the others show it.
import { others } from "/claw/faces.js";
import { feedOf } from "/claw/feed.js";
import { onUnsent, unsentWords } from "/claw/unsent.js";

const EVERY_MS = 250;

export default {
  props: { groupId: String, agentId: String, mine: Boolean, epoch: Number },
  template: `
<div class="unsent-place">
  <section v-if="!mine && words.name" class="unsent" :data-by="words.by" aria-label="Not sent yet">
    <h3 role="status"><bdi>{{ words.name }}</bdi> is writing…</h3>
    <template v-if="words.turn"><h4>A turn, or the result</h4><div class="unsent-words" dir="auto" data-part="turn"><div>{{ words.turn }}<span class="caret" aria-hidden="true"></span></div></div></template>
    <template v-if="words.arguments"><h4>Arguments of <code><bdi>{{ words.tool }}</bdi></code></h4><div class="unsent-words mono" dir="auto" data-part="arguments"><div>{{ words.arguments }}<span class="caret" aria-hidden="true"></span></div></div></template>
    <template v-if="words.note"><h4>The note for the hand-back</h4><div class="unsent-words" dir="auto" data-part="note"><div>{{ words.note }}<span class="caret" aria-hidden="true"></span></div></div></template>
    <p class="unsent-note">Not sent yet, and on no record.</p>
  </section>
  <p v-if="mine && there.shown.length" class="unsent-seen">What you write here is seen as you write it by <template v-for="(one, n) in there.shown" :key="one.id">{{ n ? ", " : "" }}<bdi>{{ one.name }}</bdi></template>{{ there.more ? " and " + there.more + " more" : "" }}.</p>
</div>`,
  data: () => ({ words: {}, there: others([]) }),
  watch: {
    epoch() {
      this.soon();
    },
    mine() {
      this.words = this.feed.unsentOf(this.agentId);
      this.soon();
    },
  },
  mounted() {
    this.feed = feedOf(this.groupId);
    this.stops = [this.feed.subscribe((message) => this.hear(message)), onUnsent(() => this.soon())];
    this.there = others(this.feed.state.people, this.agentId);
    this.words = this.feed.unsentOf(this.agentId);
    this.soon();
  },
  unmounted() {
    for (const stop of this.stops) stop();
    clearTimeout(this.timer);
  },
  methods: {
    hear(message) {
      if (message.type === "connection" || (message.type === "unsent" && message.agent === this.agentId)) this.words = this.feed.unsentOf(this.agentId);
      if (message.people || message.type === "snapshot") this.there = others(this.feed.state.people, this.agentId);
      if (message.type === "snapshot") this.soon(); // a new connection: the server forgot what the old one told
    },
    soon() {
      if (this.mine) this.timer ??= setTimeout(() => this.tell(), EVERY_MS);
    },
    tell() {
      this.timer = undefined;
      if (this.mine) this.feed.write(this.agentId, this.epoch, unsentWords());
    },
  },
};
