// The group's header: is the whole healthy?
import { groupDeed } from "/claw/deeds.js";
import { others } from "/claw/faces.js";
import { feedOf } from "/claw/feed.js";
import { whyNot } from "/claw/me.js";
import { GROUP_STATUS, LOOKS, ORDER, lookOf, money, short, whole } from "/claw/words.js";

const EVERY_MS = 400;
const ALWAYS = ["gen", "att", "done"];

export default {
  props: { groupId: String },
  template: `
    <div class="ghead" v-if="group">
      <span class="tag" :class="status.tag" role="status">{{ status.label }}</span>
      <dl class="stats" aria-label="Sub-agents by state">
        <div v-for="s in states" :key="s.look" class="stat" :data-look="s.look"><dd class="num">{{ s.count }}</dd>
          <dt><i class="dot" aria-hidden="true"></i>{{ s.label }}</dt></div>
      </dl>
      <dl class="stats stats-more">
        <div class="stat" :title="'Steps of the limit of ' + whole(group.limits.max_steps)"><dd class="num">{{ short(group.steps) }}<small> / {{ short(group.limits.max_steps) }}</small></dd><dt>steps</dt></div>
        <div class="stat" title="The longest chain of steps: what would be left with endless parallel work"><dd class="num">{{ short(group.critical) }}</dd><dt>critical</dt></div>
        <div class="stat stats-speed" title="Tokens of all sub-agents together"><dd class="num">{{ short(speed) }}</dd><dt>tokens/s</dt></div>
        <div class="stat" v-if="group.cost || group.limits.budget_usd"><dd class="num">{{ money(group.cost) }}<small v-if="group.limits.budget_usd"> / {{ money(group.limits.budget_usd) }}</small></dd><dt>spend</dt></div>
      </dl>
      <ul v-if="there.shown.length" class="faces" :aria-label="there.words" :title="there.words"><li v-for="f in there.shown" :key="f.id" class="face" :style="{ '--hue': f.hue }" :data-face="f.id" :title="f.name"><span aria-hidden="true">{{ f.initials }}</span><span class="sr">{{ f.name }}</span></li><li v-if="there.more" class="face face-more">+{{ there.more }}</li></ul>
      <div class="ghead-acts">
        <button v-if="group.status === 'draft'" class="btn btn-primary" :disabled="!!off('StartGroup')" :title="off('StartGroup')" @click="deed('start')">Start</button>
        <button v-if="group.status === 'running'" class="btn" :disabled="!!off('PauseGroup')" :title="off('PauseGroup')" @click="deed('pause')"><span aria-hidden="true">❚❚</span> Pause all</button>
        <button v-if="group.status === 'paused'" class="btn btn-primary" :disabled="!!off('ResumeGroup')" :title="off('ResumeGroup')" @click="deed('resume')"><span aria-hidden="true">▶</span> Resume</button>
        <button v-if="live" class="btn btn-danger" :disabled="!!off('CancelGroup')" :title="off('CancelGroup')" @click="deed('cancel')">Stop…</button>
      </div>
    </div>
    <div v-else class="ghead"><span class="skeleton" style="width: 320px; height: 22px"></span></div>`,
  data: () => ({ group: null, counts: {}, speed: 0, there: others([]) }),
  computed: {
    status() {
      return GROUP_STATUS[this.group.status];
    },
    live() {
      return ["running", "paused"].includes(this.group.status);
    },
    states() {
      return ORDER.filter((look) => this.counts[look] || ALWAYS.includes(look)).map((look) => ({
        look, count: whole(this.counts[look] ?? 0), label: LOOKS[look].label,
      }));
    },
  },
  mounted() {
    this.feed = feedOf(this.groupId);
    this.stop = this.feed.subscribe((message) => message.type === "snapshot" && this.read());
    this.timer = setInterval(() => document.hidden || this.read(), EVERY_MS);
    this.read();
  },
  unmounted() {
    this.stop();
    clearInterval(this.timer);
  },
  methods: {
    whole, short, money,
    off: whyNot,
    read() {
      const { group, tiles, requests, rates, people } = this.feed.state;
      if (!group) return;
      const asked = new Set([...requests.values()].map((request) => request.agent));
      const counts = {};
      for (const tile of tiles.values()) {
        const look = lookOf(tile, asked.has(tile.id));
        counts[look] = (counts[look] ?? 0) + 1;
      }
      let speed = 0;
      for (const { rate } of rates.values()) speed += rate;
      this.group = group;
      this.there = others(people);
      this.counts = counts;
      this.speed = speed < 1 ? 0 : speed;
      document.title = `${asked.size ? `(${asked.size}) ` : ""}${group.name} · Claw Groups`;
    },
    deed(what) {
      return groupDeed(this.group, what);
    },
  },
};
