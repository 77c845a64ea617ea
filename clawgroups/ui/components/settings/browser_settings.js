// What this browser keeps for its person. Each choice holds at once; there is nothing to save.
import { URGENT, notifyState, setNotify, setSound, sound, soundOn } from "/claw/notify.js";
import { say, sayError } from "/claw/say.js";
import { setTheme, themeChoice } from "/claw/theme.js";

const THEMES = [["system", "As the system"], ["dark", "Dark"], ["light", "Light"]];
const SIZES = [["S", "Small"], ["M", "Medium"], ["L", "Large, with words"]];
const KINDS = { budget: "limits that are reached", unknown_fate: "calls of unclear fate", stall: "stuck sub-agents", approval: "approvals", question: "questions" };
const STATES = {
  none: "This page cannot notify: the browser has no notifications, or the server is not reached over https.",
  denied: "The browser blocks notifications of this site. Allow them in its site settings, beside the address.",
  off: "The browser asks for your permission when you turn them on.",
  on: "On, while no page of Claw Groups is in view. A click leads to the request.",
};

export default {
  template: `
<section class="card set-part" aria-labelledby="set-browser">
  <header><h2 id="set-browser">This browser</h2><p class="muted">Kept here, for you alone.</p></header>
  <div class="set-row"><div><h3 id="set-theme">Theme</h3></div>
    <div class="seg" role="radiogroup" aria-labelledby="set-theme" @keydown="arrows($event, themes, theme, chooseTheme)">
      <button v-for="[key, label] in themes" :key="key" type="button" role="radio" :aria-checked="String(theme === key)" :tabindex="theme === key ? 0 : -1" :data-theme-choice="key" @click="chooseTheme(key)">{{ label }}</button></div></div>
  <div class="set-row"><div><h3 id="set-size">Density</h3><p>How large the wall draws a sub-agent.</p></div>
    <div class="seg" role="radiogroup" aria-labelledby="set-size" @keydown="arrows($event, sizes, size, chooseSize)">
      <button v-for="[key, label] in sizes" :key="key" type="button" role="radio" :aria-checked="String(size === key)" :tabindex="size === key ? 0 : -1" :data-size="key" @click="chooseSize(key)">{{ label }}</button></div></div>
  <div class="set-row"><div><h3 id="set-notify">Notifications</h3><p>Of the most urgent requests: {{ urgent }}. {{ states[notify] }}</p></div>
    <button type="button" class="set-switch" role="switch" aria-labelledby="set-notify" :aria-checked="String(notify === 'on')" :disabled="notify === 'none' || notify === 'denied'" @click="flip"><i aria-hidden="true"></i></button></div>
  <div class="set-row"><div><h3 id="set-sound">Sound</h3><p>Two short tones with a notification.</p></div>
    <span class="row"><button type="button" class="btn btn-small" @click="play">Play it</button>
      <button type="button" class="set-switch" role="switch" aria-labelledby="set-sound" :aria-checked="String(tones)" @click="flipSound"><i aria-hidden="true"></i></button></span></div>
</section>`,
  data: () => ({
    themes: THEMES, sizes: SIZES, states: STATES, urgent: URGENT.map((kind) => KINDS[kind] ?? kind.replaceAll("_", " ")).join(" and "),
    theme: themeChoice(), size: localStorage.getItem("claw-density") || "M", notify: notifyState(), tones: soundOn(),
  }),
  mounted() {
    this.look = () => Object.assign(this, { theme: themeChoice(), size: localStorage.getItem("claw-density") || "M", notify: notifyState(), tones: soundOn() });
    this.observer = new MutationObserver(this.look); // the switch in the header, the palette
    this.observer.observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
    addEventListener("storage", this.look);
    addEventListener("focus", this.look);
  },
  unmounted() {
    this.observer.disconnect();
    removeEventListener("storage", this.look);
    removeEventListener("focus", this.look);
  },
  methods: {
    arrows(event, all, now, choose) {
      const by = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
      if (!by) return;
      event.preventDefault();
      const at = all.findIndex(([key]) => key === now);
      choose(all[(at + by + all.length) % all.length][0]);
      const group = event.currentTarget;
      this.$nextTick(() => group.querySelector('[aria-checked="true"]').focus());
    },
    chooseTheme(choice) {
      setTheme(choice);
      this.theme = choice;
    },
    chooseSize(size) {
      localStorage.setItem("claw-density", size);
      this.size = size;
    },
    async flip() {
      try {
        const wanted = this.notify !== "on";
        this.notify = await setNotify(wanted);
        if (wanted && this.notify === "off") say({ sentence: "The browser did not give its permission.", hint: "Turn it on once more to be asked again." });
      } catch (error) {
        sayError(error);
      }
    },
    flipSound() {
      setSound(!this.tones);
      this.tones = soundOn();
    },
    async play() {
      try {
        if (!(await sound())) say({ sentence: "The browser does not let this page sound.", hint: "Look at its site settings." });
      } catch (error) {
        sayError(error);
      }
    },
  },
};
