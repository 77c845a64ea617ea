// The state of the house: ledger, runner, connection. Quiet while all is well.
import { api } from "/claw/api.js";

const EVERY_MS = 3000;
const SOON_MS = 1000; // a look that failed is made sure of at once
const PATIENCE_MS = 3500; // who has not answered by then does not answer

export default {
  template: `
    <div class="house">
      <div v-for="b in banners" :key="b.key" class="banner" :class="'banner-' + b.kind" role="alert">
        <span class="banner-mark" aria-hidden="true">{{ b.kind === "bad" ? "×" : "!" }}</span>
        <strong>{{ b.title }}</strong><span>{{ b.text }}</span><a v-if="b.href" :href="b.href">See the backend</a>
      </div>
      <p v-if="licence" class="house-licence"><span>Powered by</span> <strong><bdi>{{ licence }}</bdi></strong></p>
    </div>`,
  data: () => ({ status: null, failed: 0 }),
  computed: {
    banners() {
      const found = [];
      if (this.failed > 1)
        found.push({ key: "server", kind: "warn", title: "Reconnecting.", text: "The server does not answer. What you see may be old, and nothing can be done here until it is back." });
      if (this.status?.ledger.state === "stopped")
        found.push({ key: "ledger", kind: "bad", title: "The ledger has stopped.", text: `${this.status.ledger.message} ${this.status.ledger.hint}` });
      if (this.status?.runner.state === "off")
        found.push({ key: "runner", kind: "warn", title: "No runner.", text: "None is started beside this server (CLAWGROUPS_RUNNER), and none has joined it: nobody drives." });
      else if (this.status && !["up", "none"].includes(this.status.runner.state))
        found.push({ key: "runner", kind: "warn", title: "The runner is down.", text: "It is being started again; sub-agents go on when it is back." });
      return [...found, ...this.aboutBackend];
    },
    aboutBackend() {
      const backend = this.status?.backend;
      if (!backend) return [];
      const { state, progress, error } = backend;
      const at = progress.fraction === null ? "" : ` (${Math.round(progress.fraction * 100)} %)`;
      const banner = (kind, title, text) => [{ key: "backend", kind, title, text, href: location.pathname === "/backend" ? "" : "/backend" }];
      if (state === "failed" || (state === "away" && error)) return banner("warn", "The backend is down.", `${error?.sentence ?? ""} Whoever uses it waits.`.trim());
      if (state === "stopped") return banner("warn", "The backend is stopped.", "Whoever uses it waits until it is started.");
      if (["installing", "starting", "loading", "restarting"].includes(state)) return banner("warn", `The backend is loading${at}.`, "Whoever uses it waits until it serves.");
      return [];
    },
    licence() {
      return this.status?.backend?.attribution ?? "";
    },
  },
  mounted() {
    this.look();
    this.timer = setInterval(() => document.hidden || this.look(), EVERY_MS);
  },
  unmounted() {
    clearInterval(this.timer);
    clearTimeout(this.again);
  },
  methods: {
    async look() {
      if (this.looking) return;
      this.looking = true;
      const late = new Promise((_, refuse) => setTimeout(() => refuse(new Error("no answer")), PATIENCE_MS));
      try {
        this.status = await Promise.race([api("GET", "/status"), late]);
        this.failed = 0;
      } catch {
        this.failed += 1;
        if (this.failed === 1) this.again = setTimeout(() => this.look(), SOON_MS);
      }
      this.looking = false;
      document.dispatchEvent(new CustomEvent("claw:house", { detail: { status: this.status, reachable: this.failed === 0 } }));
    },
  },
};
