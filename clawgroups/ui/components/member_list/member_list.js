// Who can do work here. What a member says of itself, and what a test of it answered, is text of strangers.
import { ask } from "/claw/ask.js";
import { whyNot } from "/claw/me.js";
import { plural } from "/claw/words.js";
import { when, whole } from "/claw/when.js";

const KINDS = { model: "tag-info", program: "", person: "tag-human" };
const MODES = { true: "thinking", false: "instant" };
const price = (usd) => `$${usd.toLocaleString("en", { minimumFractionDigits: 2, maximumFractionDigits: 4 })}`;

export default {
  props: { members: Array, busy: Array, you: String },
  emits: ["test", "remove", "edit"],
  template: `
<section class="members" aria-labelledby="members-title">
  <header><h2 id="members-title">Members</h2><span class="members-sum">{{ sum }}</span></header>
  <ul>
    <li v-for="m in members" :key="m.id" class="member" :data-member="m.id" :aria-label="m.name + ', ' + m.kind">
      <div class="member-who">
        <div class="member-name"><bdi class="cut" :title="m.name">{{ m.name }}</bdi><span class="tag" :class="look(m)">{{ m.kind }}</span><span v-if="m.id === you" class="tag">you</span><span v-if="m.bundled" class="tag">bundled</span></div>
        <div v-if="m.description" class="member-about" dir="auto" :title="m.description">{{ m.description }}</div>
        <div class="member-where"><bdi class="mono cut" v-if="m.model" :title="m.model.model">{{ m.model.model }}</bdi><bdi class="cut" :class="{ mono: m.model || (m.program && !m.bundled) }" :title="where(m)">{{ where(m) }}</bdi></div>
        <div v-if="facts(m).length" class="member-facts"><span v-for="f in facts(m)" :key="f">{{ f }}</span></div>
      </div>
      <div class="member-load"><span class="member-term">Seats in use</span>
        <b class="num">{{ m.seats }}<small>{{ m.capacity ? " of " + m.capacity : "" }}</small></b>
        <span v-if="m.capacity" class="bar" role="meter" :aria-label="'Seats of ' + m.name" aria-valuemin="0" :aria-valuemax="m.capacity" :aria-valuenow="Math.min(m.seats, m.capacity)" :aria-valuetext="seats(m)"><i v-if="m.seats" :data-look="m.seats >= m.capacity ? 'att' : 'gen'" :style="{ width: Math.min(100, 100 * m.seats / m.capacity) + '%' }"></i></span>
        <span class="member-term num">{{ busyWords(m) }}</span></div>
      <div class="member-price"><template v-if="m.model"><span class="member-term">Price per million</span>
        <b class="num">{{ free(m) ? "not set" : price(m.model.price_in || 0) + " in" }}</b><span v-if="!free(m)" class="member-term num">{{ price(m.model.price_out || 0) }} out<template v-if="m.model.price_cached"> · {{ price(m.model.price_cached) }} cached</template></span></template></div>
      <div class="member-acts">
        <button v-if="m.kind !== 'person'" type="button" class="btn btn-small" :disabled="trying(m) || !!off('test')" :title="off('test')" :aria-label="'Test ' + m.name" @click="$emit('test', { id: m.id })">{{ trying(m) ? "Testing…" : "Test" }}</button>
        <button v-if="!m.bundled" type="button" class="btn btn-small member-edit" :disabled="!!off('members')" :title="off('members')" :aria-label="'Change ' + m.name" @click="$emit('edit', { id: m.id })">Change…</button>
        <button v-if="!m.bundled && m.id !== you" type="button" class="btn btn-small btn-ghost btn-no" :disabled="!!off('members')" :title="off('members')" :aria-label="'Remove ' + m.name" @click="remove(m)">Remove…</button></div>
      <div v-if="m.kind !== 'person'" class="member-health" role="status" :data-health="state(m)">
        <i class="dot" aria-hidden="true"></i>
        <span v-if="trying(m)">Being tried…</span>
        <span v-else-if="!m.tested">Not tested since the server was started.</span>
        <template v-else><span class="member-said"><b>{{ m.tested.ok ? "Works." : "Does not work." }}</b> {{ m.tested.sentence }} <span class="member-hint">{{ m.tested.hint }}</span></span>
          <span class="member-ms num" :title="whole(m.tested.at)">{{ m.tested.ok ? m.tested.ms + " ms · " : "" }}tested {{ when(m.tested.at) }}</span></template>
      </div>
      <div v-if="m.error" class="member-error"><i class="dot" aria-hidden="true"></i>
        <span class="member-said" dir="auto"><b>Last error.</b> {{ m.error.sentence }} <span class="member-hint">{{ m.error.hint }}</span> <a :href="errorHref(m)">Where it was</a></span>
        <span class="member-ms num"><time :datetime="new Date(m.error.at).toISOString()" :title="whole(m.error.at)">{{ when(m.error.at) }}</time></span></div>
    </li>
  </ul>
</section>`,
  computed: {
    sum() {
      const of = (kind) => this.members.filter((m) => m.kind === kind).length;
      return [plural(of("model"), "model"), plural(of("program"), "program"), plural(of("person"), "person", "people")].join(" · ");
    },
  },
  methods: {
    price, when, whole,
    off: whyNot,
    look: (m) => KINDS[m.kind] ?? "",
    free: (m) => !m.model.price_in && !m.model.price_out,
    trying(m) {
      return this.busy.includes(m.id);
    },
    state(m) {
      if (this.trying(m) || !m.tested) return "unknown";
      return m.tested.ok ? "ok" : "bad";
    },
    seats: (m) => `${m.seats} of ${plural(m.capacity, "seat")} in use`,
    busyWords(m) {
      const found = [m.capacity ? (m.seats >= m.capacity ? "all in use" : "") : "no limit"];
      if (m.load > m.seats) found.push(`${m.load - m.seats} waiting for sub-agents`);
      if (m.queued) found.push(`${m.queued} queued`);
      if (m.tokens_s) found.push(`${m.tokens_s < 10 ? m.tokens_s.toFixed(1) : Math.round(m.tokens_s)} tokens/s`);
      return found.filter(Boolean).join(" · ");
    },
    errorHref: (m) => `/groups/${encodeURIComponent(m.error.agent.slice(0, m.error.agent.lastIndexOf("-")))}?agent=${encodeURIComponent(m.error.agent)}`,
    where(m) {
      if (m.model) return m.model.base_url;
      if (m.program) return m.bundled ? "ships with Claw Groups, runs beside the server" : m.program.command.join(" ");
      return "works in a browser";
    },
    facts(m) {
      const found = [];
      if (m.model) {
        if (MODES[m.model.thinking]) found.push(MODES[m.model.thinking]);
        if (m.model.sees) found.push("sees images");
        const ref = m.model.key_ref ?? "";
        found.push(ref.startsWith("env:") ? `key in ${ref.slice(4)}` : ref ? "key kept by the server" : "no key");
      }
      if (m.skills.length) found.push(`skills: ${m.skills.join(", ")}`);
      return found;
    },
    returnTo(id) {
      this.$el.querySelector(`[data-member="${CSS.escape(id)}"] .member-edit`)?.focus();
    },
    async remove(m) {
      const sure = await ask({
        title: `Remove ${m.name.slice(0, 120)}?`,
        text: "New groups can no longer use it. Groups that have it already keep it, and its work stays on record.",
        act: "Remove it",
        kind: "danger",
      });
      if (sure) this.$emit("remove", { id: m.id });
    },
  },
};
