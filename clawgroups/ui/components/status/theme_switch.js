// Dark or light. Without a choice the page follows the system (see theme.py for the part before the first paint).
const root = document.documentElement;

export default {
  template: `
    <button class="btn btn-icon" type="button" :aria-label="label" :title="label" @click="flip">
      <svg v-if="theme === 'dark'" viewBox="0 0 24 24" aria-hidden="true"><path d="M20 14.5A8 8 0 0 1 9.5 4a8 8 0 1 0 10.5 10.5z"/></svg>
      <svg v-else viewBox="0 0 24 24" aria-hidden="true"><circle cx="12" cy="12" r="4"/><path d="M12 3v2M12 19v2M3 12h2M19 12h2M5.6 5.6l1.4 1.4M17 17l1.4 1.4M18.4 5.6L17 7M7 17l-1.4 1.4"/></svg>
    </button>`,
  data: () => ({ theme: root.dataset.theme }),
  computed: {
    label() {
      return this.theme === "dark" ? "Switch to light" : "Switch to dark";
    },
  },
  mounted() {
    this.observer = new MutationObserver(() => this.follow());
    this.observer.observe(root, { attributes: true, attributeFilter: ["data-theme"] });
    this.$nextTick(() => this.follow());
  },
  unmounted() {
    this.observer.disconnect();
  },
  methods: {
    follow() {
      this.theme = root.dataset.theme;
      window.Quasar?.Dark.set(this.theme === "dark"); // for dialogs and fields that Quasar draws
    },
    flip() {
      const wanted = this.theme === "dark" ? "light" : "dark";
      const system = matchMedia("(prefers-color-scheme: light)").matches ? "light" : "dark";
      if (wanted === system) localStorage.removeItem("claw-theme");
      else localStorage.setItem("claw-theme", wanted);
      root.dataset.theme = wanted;
    },
  },
};
