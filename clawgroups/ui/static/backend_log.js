// The engine's log, for admins: read only while it is open.
import { api } from "/claw/api.js";

const EVERY_MS = 2000;
const MOST_LINES = 2000;

export const BackendLog = {
  props: { up: Boolean },
  template: `
<details class="card back-part back-log" @toggle="toggle">
  <summary><h2>Log</h2></summary>
  <p v-if="problem" class="muted">{{ problem }}</p>
  <p v-else-if="!lines.length" class="muted">Nothing was logged yet.</p>
  <pre v-else ref="text" class="mono" tabindex="0" aria-label="Log" @scroll="scrolled"><bdi v-for="line in lines" :key="line.number">{{ line.text }}
</bdi></pre>
</details>`,
  data: () => ({ lines: [], problem: "", follows: true }),
  unmounted() {
    clearInterval(this.timer);
  },
  methods: {
    toggle(event) {
      clearInterval(this.timer);
      if (!event.target.open) return;
      this.read();
      this.timer = setInterval(() => document.hidden || this.read(), EVERY_MS);
    },
    scrolled({ target }) {
      this.follows = target.scrollHeight - target.scrollTop - target.clientHeight < 40;
    },
    async read() {
      try {
        const { lines } = await api("GET", `/backend/log?after=${this.lines.at(-1)?.number ?? 0}`);
        this.problem = "";
        if (!lines.length) return;
        const fresh = lines[0].number <= (this.lines.at(-1)?.number ?? 0); // the backend began anew
        this.lines = [...(fresh ? [] : this.lines), ...lines].slice(-MOST_LINES);
        await this.$nextTick();
        const text = this.$refs.text;
        if (text && this.follows) text.scrollTop = text.scrollHeight;
      } catch (error) {
        this.problem = `${error.message} ${error.hint ?? ""}`.trim();
      }
    },
  },
};
