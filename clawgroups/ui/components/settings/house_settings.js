// The house's settings, for admins: where a chat is told of requests, and what the server runs with.
import { api } from "/claw/api.js";
import { me, whyNot } from "/claw/me.js";
import { say, sayError } from "/claw/say.js";
import { ago, plural, whole } from "/claw/words.js";

const EVERY_MS = 4000;
const LOCAL = /^(localhost|127\.|\[?::1)/;

export default {
  template: `
<div class="settings-house">
<p v-if="off" class="set-off muted">{{ off }} The settings of the house are an admin's.</p>
<p v-else-if="problem && !hook" class="card set-part set-bad" role="alert">{{ problem }}</p>
<div v-else-if="!hook" class="card set-part" aria-busy="true"><div v-for="n in 4" :key="n" class="skeleton set-wait"></div></div>
<template v-else>
  <section class="card set-part" aria-labelledby="set-hook">
    <header><h2 id="set-hook">Outgoing webhook</h2><p class="muted">Tells a chat (Slack, Mattermost, or what understands Slack's JSON) that somebody is needed.</p></header>
    <p class="set-state" role="status" :class="{ 'set-bad': hook.problem }">{{ state }}</p>
    <form novalidate @submit.prevent="save">
      <div class="field"><label for="hook-url">Address</label>
        <input id="hook-url" v-model="url" type="url" autocomplete="off" spellcheck="false" maxlength="2000" :placeholder="hook.where || 'https://hooks.slack.com/services/…'" :aria-invalid="String(!!wrong.url)" aria-describedby="hook-url-hint hook-url-wrong">
        <div id="hook-url-hint" class="hint">{{ hook.set ? "Set. It is a secret and not shown again; write another one to replace it." : "It is kept by the server, and not shown again." }}</div>
        <div id="hook-url-wrong" class="wrong" role="alert">{{ wrong.url }}</div></div>
      <label class="set-check"><input v-model="secluded" type="checkbox"><span>It may lead into a private network: I know this machine, it is one of ours.</span></label>
      <fieldset class="set-kinds"><legend class="field-label">Tell of</legend>
        <label v-for="one in hook.choices" :key="one.id" class="set-check"><input v-model="kinds" type="checkbox" :value="one.id"><span>{{ names[one.id] || one.label }}</span></label></fieldset>
      <div class="field"><label for="hook-base">Links lead to</label>
        <input id="hook-base" v-model="base" type="url" autocomplete="off" spellcheck="false" maxlength="500" placeholder="https://claw.example" :aria-invalid="String(!!wrong.base)" aria-describedby="hook-base-hint hook-base-wrong">
        <div id="hook-base-hint" class="hint">Where people open this server. Without it, messages have no links.</div><div id="hook-base-wrong" class="wrong" role="alert">{{ wrong.base }}</div></div>
      <p v-if="problem" class="set-bad" role="alert">{{ problem }}</p>
      <div class="row"><button class="btn btn-primary" :disabled="busy">Save</button>
        <button type="button" class="btn" :disabled="busy || !hook.set" :title="hook.set ? null : 'Set an address first.'" @click="test">Send a test message</button>
        <button v-if="hook.set" type="button" class="btn btn-danger" :disabled="busy" @click="remove">Remove</button></div>
    </form>
  </section>
  <section class="card set-part" aria-labelledby="set-server">
    <header><h2 id="set-server">What the server runs with</h2><p class="muted">Set when it is started: by these environment variables, or by options of <code class="mono">clawgroups up</code>.</p></header>
    <dl class="set-facts"><div v-for="fact in facts" :key="fact.id" :data-fact="fact.id"><dt>{{ fact.label }}</dt><dd><span class="set-value">{{ fact.value }}</span><code v-if="fact.variable" class="mono">{{ fact.variable }}</code><span v-if="fact.note" class="muted set-note">{{ fact.note }}</span></dd></div></dl>
  </section>
</template>
</div>`,
  data: () => ({
    off: me.open ? "" : whyNot("settings"), hook: null, facts: [], url: "", base: "", kinds: [], secluded: false, busy: false, problem: "", wrong: {}, now: Date.now(),
    names: {
      approval: "Approvals", question: "Questions", review: "Reviews", stall: "Stuck sub-agents", budget: "Limits", unknown_fate: "Calls of unclear fate", task: "Tasks for a person",
      group_finished: "A group has finished", group_failed: "A group has failed",
    },
  }),
  computed: {
    state() {
      const { set, sent, sent_at: at, waiting, lost, problem } = this.hook;
      if (!set) return "No address is set: nobody is told.";
      const lostWords = lost ? ` ${plural(lost, "message")} could not be delivered.` : "";
      if (problem) {
        const when = ago((this.now - problem.at) / 1000);
        return `${problem.given_up ? "Given up" : "Trying again"}, ${when}, after ${plural(problem.tries, "try", "tries")}: ${problem.sentence}${waiting ? ` ${whole(waiting)} more wait.` : ""}${lostWords}`;
      }
      if (!sent) return `Set to ${this.hook.where}. Nothing has been sent since the server was started.${lostWords}`;
      return `Set to ${this.hook.where}. ${plural(sent, "message")} sent, the last one ${ago((this.now - at) / 1000)}.${lostWords}`;
    },
  },
  mounted() {
    if (this.off) return;
    this.read(true);
    this.timer = setInterval(() => document.hidden || this.busy || this.read(!this.hook), EVERY_MS);
  },
  unmounted() {
    clearInterval(this.timer);
  },
  methods: {
    async read(fill) {
      try {
        const { webhook, server } = await api("GET", "/settings");
        if (this.busy && !fill) return; // a newer answer is on its way
        Object.assign(this, { hook: webhook, facts: server, now: Date.now() });
        if (fill) this.fill();
      } catch (error) {
        if (!this.hook) this.problem = `${error.message} ${error.hint ?? ""}`.trim();
      }
    },
    fill() {
      const here = LOCAL.test(location.hostname) ? "" : location.origin;
      Object.assign(this, { kinds: [...this.hook.kinds], secluded: this.hook.private, base: this.hook.base || (this.hook.set ? "" : here), problem: "", wrong: {} });
    },
    async change(body, done) {
      Object.assign(this, { busy: true, problem: "", wrong: {} });
      try {
        this.hook = await api("PATCH", "/settings/webhook", body);
        say({ sentence: done, kind: "ok" });
        return true;
      } catch (error) {
        const known = (error.fields ?? []).filter(({ field }) => ["url", "base"].includes(field));
        this.wrong = Object.fromEntries(known.map(({ field, problem, mend }) => [field, `${problem} ${mend}`]));
        if (!known.length) this.problem = `${error.message} ${error.hint ?? ""}`.trim();
        return false;
      } finally {
        this.busy = false;
      }
    },
    async save() {
      const url = this.url.trim() ? { url: this.url.trim() } : {};
      if (await this.change({ ...url, kinds: this.kinds, private: this.secluded, base: this.base.trim() }, "The webhook is set.")) {
        this.url = "";
        this.fill();
      }
    },
    async remove() {
      if (await this.change({ url: "" }, "The webhook is removed; nobody is told any more.")) this.fill();
    },
    async test() {
      this.busy = true;
      try {
        const { ok, sentence } = await api("POST", "/settings/webhook/test");
        say({ sentence: ok ? sentence : `The test message was not taken. ${sentence}`, kind: ok ? "ok" : "bad" });
      } catch (error) {
        sayError(error);
      } finally {
        this.busy = false;
      }
      this.read(false);
    },
  },
};
