// The state of the house: ledger, runner, connection. Quiet while all is well.
import { api } from "/claw/api.js";

const EVERY_MS = 3000;

export default {
  template: `
    <div class="house">
      <div v-for="b in banners" :key="b.key" class="banner" :class="'banner-' + b.kind" role="alert">
        <span class="banner-mark" aria-hidden="true">{{ b.kind === "bad" ? "×" : "!" }}</span>
        <strong>{{ b.title }}</strong><span>{{ b.text }}</span>
      </div>
    </div>`,
  data: () => ({ status: null, failed: 0 }),
  computed: {
    banners() {
      const found = [];
      if (this.failed > 1)
        found.push({ key: "server", kind: "warn", title: "Reconnecting.", text: "The server does not answer; what you see may be old." });
      if (this.status?.ledger.state === "stopped")
        found.push({ key: "ledger", kind: "bad", title: "The ledger has stopped.", text: `${this.status.ledger.message} ${this.status.ledger.hint}` });
      if (this.status?.runner.state === "off")
        found.push({ key: "runner", kind: "warn", title: "No runner.", text: "None is started beside this server (CLAWGROUPS_RUNNER), and none has joined it: nobody drives." });
      else if (this.status && !["up", "none"].includes(this.status.runner.state))
        found.push({ key: "runner", kind: "warn", title: "The runner is down.", text: "It is being started again; sub-agents go on when it is back." });
      return found;
    },
  },
  mounted() {
    this.look();
    this.timer = setInterval(() => document.hidden || this.look(), EVERY_MS);
  },
  unmounted() {
    clearInterval(this.timer);
  },
  methods: {
    async look() {
      try {
        this.status = await api("GET", "/status");
        this.failed = 0;
      } catch {
        this.failed += 1;
      }
      document.dispatchEvent(new CustomEvent("claw:house", { detail: { status: this.status, reachable: this.failed === 0 } }));
    },
  },
};
