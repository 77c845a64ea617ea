// The banner of the take-over screen. It keeps the lease while the person is active here, and counts it down.
import { driveKeys, leadToPanels } from "/claw/drive_keys.js";
import { whyNot } from "/claw/me.js";
import { plain, timeOfDay } from "/claw/words.js";

const RENEW_MS = 15000;
const KINDS = { program: "", model: "", person: "tag-human" };
const STATES = { queued: "It waits for its launch", paused: "It is paused", waiting: "It waits", driving: "It works", handing_over: "It changes hands" };
const ENDS = { done: "It has finished its task", failed: "It has failed", cancelled: "It was cancelled" };

export default {
  template: `
<section class="wheel" :class="'wheel-' + wheel.mode" :data-mode="wheel.mode" aria-label="The wheel">
  <div class="wheel-icon" aria-hidden="true"><svg viewBox="0 0 24 24"><circle cx="12" cy="12" r="9"/><circle cx="12" cy="12" r="2.4"/><path d="M12 14.4V21M9.8 11L3.4 9.6M14.2 11l6.4-1.4"/></svg></div>
  <div class="wheel-words">
    <div class="wheel-line"><h2 role="status">{{ title }}</h2><span v-if="tag" class="tag" :class="tagClass">{{ tag }}</span>
      <span class="wheel-facts num">{{ facts }}</span></div>
    <ul v-if="wheel.mode === 'handing_over'" class="wheel-proof"><li class="is-ok">Nothing that {{ former }} writes is accepted any more (epoch {{ wheel.epoch }})</li>
      <li class="is-open">Its model call or program is being stopped</li><li class="is-open">Its processes are being looked for</li></ul>
    <ul v-else-if="wheel.mode === 'mine'" class="wheel-proof"><li v-for="fact in proof" :key="fact" :class="clean ? 'is-ok' : 'is-open'">{{ fact }}</li>
      <li v-if="wheel.proof" class="wheel-more"><details><summary>What was looked for</summary><dl><template v-for="[name, value] in looked" :key="name"><dt>{{ name }}</dt><dd>{{ value }}</dd></template></dl></details></li></ul>
    <p class="wheel-note" :class="{low: low || wheel.lapsed}">{{ note }}</p>
  </div>
  <div v-if="wheel.mode === 'mine' && wheel.lease_until" class="wheel-lease" :class="{low}" :title="'Lease until ' + clock(wheel.lease_until)">
    <span class="wheel-left num">{{ left }}</span><span class="wheel-track"><i :style="{width: share + '%'}"></i></span><span class="dim">lease until {{ clock(wheel.lease_until) }}</span></div>
  <div class="wheel-acts">
    <template v-if="wheel.mode === 'free'">
      <button type="button" class="btn btn-human" data-act="now" :disabled="!!off('TakeOver')" :title="off('TakeOver')" @click="act('now')">Take over now<span class="kbd" aria-hidden="true">T</span></button>
      <button v-if="wheel.can_wait" type="button" class="btn" data-act="after_step" :disabled="!!off('TakeOver')" :title="off('TakeOver')" @click="act('after_step')">After this step</button>
    </template>
    <template v-if="wheel.mode === 'asked'">
      <button type="button" class="btn btn-human" data-act="now" :disabled="!!off('TakeOver')" :title="off('TakeOver')" @click="act('now')">Take over now instead</button>
      <button type="button" class="btn" data-act="withdraw" :disabled="!!off('WithdrawTakeOver')" :title="off('WithdrawTakeOver')" @click="act('withdraw')">Withdraw</button>
    </template>
    <button v-if="wheel.mode === 'mine' && low" type="button" class="btn btn-primary" data-act="alive" @click="act('alive')">I am still here</button>
    <button v-if="wheel.mode === 'mine'" type="button" class="btn btn-human" data-act="give" :disabled="!!off('HandBack')" :title="off('HandBack')" @click="act('give')">Hand back…<span class="kbd" aria-hidden="true">H</span></button>
    <template v-if="wheel.mode === 'free' || wheel.mode === 'asked'">
      <button v-if="wheel.state === 'paused' || wheel.pausing" type="button" class="btn" data-act="resume" :disabled="!!off('ResumeAgent')" :title="off('ResumeAgent')" @click="act('resume')">Resume</button>
      <button v-else-if="wheel.state !== 'handing_over'" type="button" class="btn" data-act="pause" :disabled="!!off('PauseAgent')" :title="off('PauseAgent')" @click="act('pause')">Pause</button>
    </template>
  </div>
</section>`,
  props: { wheel: Object },
  emits: ["act"],
  data: () => ({ tick: Date.now(), skew: 0 }),
  computed: {
    remaining() {
      return Math.max(0, this.wheel.lease_until - (this.tick + this.skew));
    },
    left() {
      const seconds = Math.ceil(this.remaining / 1000);
      return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
    },
    share() {
      return Math.min(100, (100 * this.remaining) / this.wheel.lease_ms);
    },
    low() {
      return this.wheel.mode === "mine" && this.wheel.lease_until > 0 && this.share < 30;
    },
    whose() {
      return this.wheel.lapsed === "you" ? "Your" : `${plain(this.wheel.lapsed)}’s`;
    },
    former() {
      return plain(this.wheel.former || this.wheel.next) || "the old driver";
    },
    title() {
      const { mode, driver, state, next } = this.wheel;
      if (mode === "loading") return "Looking…";
      if (mode === "mine") return "You hold the wheel";
      if (mode === "handing_over") return "Handing over to you…";
      if (mode === "other") return `${plain(driver.name)} holds the wheel; you watch`;
      if (mode === "ended") return ENDS[state];
      if (mode === "asked") return "You take over after this step";
      if (this.wheel.lapsed) return `${this.whose} lease ran out; nobody drives`;
      if (this.wheel.asked_by) return `${plain(this.wheel.asked_by)} takes over after this step`;
      if (state === "handing_over") return `Changing hands to ${plain(driver ? driver.name : next)}…`;
      return driver ? `${plain(driver.name)} drives` : "Nobody drives";
    },
    tag() {
      return ["free", "asked"].includes(this.wheel.mode) ? this.wheel.driver?.kind || this.wheel.state : "";
    },
    tagClass() {
      return KINDS[this.wheel.driver?.kind] || "";
    },
    facts() {
      const { since, epoch, mode } = this.wheel;
      return mode === "loading" ? "" : `since ${this.clock(since)} · epoch ${epoch}`;
    },
    proof() {
      const { proof } = this.wheel;
      if (!proof) return [`Nothing of ${this.former} was running when you took over`];
      const call = { aborted: "its turn was cut off", gone: "the process that ran it was gone", none: "it was in no turn" }[proof.model_call] || proof.model_call;
      const count = `${proof.processes_found} ${proof.processes_found === 1 ? "process" : "processes"}`;
      const found = proof.processes_found ? `${count} of it found, ${proof.processes} left` : `its processes were looked for, ${proof.processes} left`;
      const took = proof.after_ms < 1000 ? `${proof.after_ms} ms` : `${(proof.after_ms / 1000).toFixed(1)} s`;
      return [`${this.former} stands still: ${call}`, found, `proved ${took} after you took over`];
    },
    clean() {
      return !this.wheel.proof || this.wheel.proof.processes === 0;
    },
    looked() {
      const proof = this.wheel.proof;
      const model = { aborted: "cut off in the middle of a turn", none: "none was under way", gone: "gone with the process that ran it" }[proof.model_call] || proof.model_call;
      const calls = (proof.calls || []).map((call) => `${call.name}: ${call.fate.replace("_", " ")}`);
      return [
        ["Model call or program", model],
        ["Tool calls in flight", calls.length ? calls.join("; ") : "none"],
        ["Processes", proof.processes_found ? `${proof.processes_found} found and killed; looked for again, ${proof.processes} left` : `none found, ${proof.processes} left`],
        ["How", proof.detail || "its seat was empty"],
        ["When", `asked ${this.clock(proof.at - proof.after_ms)}, proved ${this.clock(proof.at)} (epoch ${proof.epoch})`],
      ];
    },
    note() {
      const { mode, driver, state, wait, lease_ms } = this.wheel;
      if (mode === "mine" && !this.wheel.lease_until) return "This work was given to you; the lease begins with your first sign of life.";
      if (mode === "mine" && this.low) return "You have been away. When the lease runs out the sub-agent is paused; your words are kept.";
      if (mode === "mine") return `While you are active here, your lease begins anew whenever half of its ${Math.round(lease_ms / 1000)} s is used. If it runs out, the sub-agent is paused; it never goes back by itself.`;
      if (mode === "handing_over") return "You can write as soon as its stop is proved; after five seconds its process is killed.";
      if (mode === "other") return `Only one person drives. Everything here is live, and read-only for you.${this.wheel.lease_until ? ` Without a sign of life, ${plain(driver.name)} has the wheel until ${this.clock(this.wheel.lease_until)}.` : ""}`;
      if (mode === "ended") return "Nothing more can be written here. The thread and the files stay.";
      if (mode === "asked") return `${driver ? plain(driver.name) : "The driver"} finishes its step and its tool calls first.`;
      if (this.wheel.lapsed) return `Without a sign of life it was paused; it has done nothing since. Words that were not sent are kept. Take over to go on, or resume ${plain(this.wheel.next)}.`;
      if (whyNot("TakeOver")) return `${whyNot("TakeOver")} You see every word and call as it comes.`;
      const waits = state === "waiting" && wait ? ` for ${wait}` : "";
      const pausing = this.wheel.pausing && state !== "paused" ? " It pauses after this step." : "";
      if (!driver) return `${STATES[state] || state}${waits}. Take over to work in the place of ${plain(this.wheel.next)}.`;
      return `${STATES[state] || state}${waits}.${pausing} Take over and it is stopped at once; what it was writing is kept as unfinished.`;
    },
  },
  watch: {
    wheel() {
      this.follow();
    },
  },
  mounted() {
    this.follow();
    this.lastActive = this.lastRenewed = Date.now();
    this.timer = setInterval(() => this.beat(), 1000);
    this.active = () => (this.lastActive = Date.now());
    for (const kind of ["keydown", "pointerdown", "pointermove", "wheel", "input"]) document.addEventListener(kind, this.active, { passive: true, capture: true });
    this.keys = [...driveKeys(), leadToPanels()];
  },
  unmounted() {
    clearInterval(this.timer);
    for (const kind of ["keydown", "pointerdown", "pointermove", "wheel", "input"]) document.removeEventListener(kind, this.active, { capture: true });
    for (const stop of this.keys) stop();
  },
  methods: {
    off: whyNot,
    act(id) {
      this.$emit("act", { id });
    },
    follow() {
      this.skew = (this.wheel.now || Date.now()) - Date.now();
      this.tick = Date.now();
      if (this.wheel.mode === "mine" && !this.wheel.lease_until) this.act("alive");
    },
    beat() {
      this.tick = Date.now();
      const due = this.tick - this.lastRenewed >= RENEW_MS || this.share < 50;
      const here = this.lastActive > this.lastRenewed;
      if (this.wheel.mode !== "mine" || !here || !due) return;
      this.lastRenewed = this.tick;
      this.act("alive");
    },
    clock: (at) => (at ? timeOfDay(at) : ""),
  },
};
