// A person's terminal: a socket of its own straight into xterm.js. Whoever holds the wheel types; the rest watch.
import { FitAddon, Terminal } from "nicegui-xterm";

const WAITS_MS = [250, 500, 1000, 2000, 5000];
const PIECE = 16000; // characters of one frame of input
const SCROLLBACK = 5000;
const SIGNED_OUT = 4401;
const GONE = 4404;
const READER = "claw-terminal-reader";
const COLOURS = {
  dark: { black: "#1e2531", red: "#ff7b7b", green: "#3fcf8e", yellow: "#ffb547", blue: "#6ea8fe", magenta: "#c79bff", cyan: "#5fd3d9", white: "#c9d1de", brightBlack: "#7d899c", brightRed: "#ff9d9d", brightGreen: "#7be3b2", brightYellow: "#ffd08a", brightBlue: "#9cc4ff", brightMagenta: "#dcc1ff", brightCyan: "#98e6ea", brightWhite: "#ffffff" },
  light: { black: "#141c29", red: "#bb2227", green: "#0b7a4d", yellow: "#8f5200", blue: "#1d5bd0", magenta: "#6d2fc0", cyan: "#0b6e78", white: "#4f5c70", brightBlack: "#5f6b7e", brightRed: "#a31319", brightGreen: "#086240", brightYellow: "#754300", brightBlue: "#1748a8", brightMagenta: "#57239c", brightCyan: "#085862", brightWhite: "#141c29" },
};
const STATES = {
  none: "No terminal is open.",
  opening: "Opening; its call is being put on record…",
  open: "Open.",
  closing: "The record is being written…",
  resting: "Set aside for your last step; type to go on in it.",
  ended: "It has ended.",
};

// What xterm says of itself when a program asks: a report on device, cursor, mode or size, or a string that is ended.
const ANSWER = /^\x1b(\[[?>=]?[\d;]*(\$y|[cnRt])|\[[IO]|[P\]][^]*(\x1b\\|\x07))$/;

/** Whether a character of two units stands across this place. */
const splits = (text, at) => (text.codePointAt(at - 1) ?? 0) > 0xffff;

export default {
  template: `
<section class="term" aria-label="Terminal" :data-state="state.state" :data-phase="phase">
  <div class="term-head">
    <span class="term-rec" title="What is typed here and what comes out goes on record, and the agent is told of it"><i aria-hidden="true"></i>recorded</span>
    <span class="term-said" role="status">{{ said }}</span>
    <div class="term-acts">
      <label class="term-check"><input type="checkbox" v-model="reader" @change="setReader"> screen reader</label>
      <button type="button" class="btn btn-small" data-act="copy" :disabled="!chosen" @click="copy">Copy</button>
      <button v-if="mayType" type="button" class="btn btn-small" data-act="paste" :disabled="!alive" @click="paste">Paste</button>
      <button v-if="mayType && alive" ref="end" type="button" class="btn btn-small" data-act="end" @click="end">Close it</button>
      <button v-if="!alive" type="button" class="btn btn-small" :class="{'btn-human': mayType}" data-act="open" :disabled="Boolean(off) || !mayType || phase !== 'live'" :title="off || (mayType ? null : wheel.why)" @click="open">Open the terminal</button>
    </div>
  </div>
  <p v-if="lost" class="term-note bad" role="alert">Not typed: {{ problem }} <button type="button" class="btn btn-small" @click="lost = ''">Put away</button></p>
  <div v-if="lost" class="term-lost">{{ lost }}</div>
  <p v-else-if="problem" class="term-note bad" role="alert">{{ problem }}</p>
  <p v-if="off" class="term-note bad" role="alert">{{ off }}</p>
  <div v-show="!blank" ref="screen" class="term-screen" :class="{'is-mine': mayType && alive}"></div>
  <p v-if="blank" class="term-blank">{{ blank }}</p>
  <p v-if="mayType && alive" class="term-note">It runs in the sub-agent's own sandbox, without network. Leave it with the key F6. A secret that a program does not show while you type it is not recorded.</p>
</section>`,
  props: { agentId: String, wheel: Object, resourcePath: String },
  data: () => ({
    phase: "connecting",
    state: { state: "none", why: "", by: "", cols: 80, rows: 24, off: "" },
    problem: "",
    lost: "", // typed and not taken
    chosen: false,
    reader: localStorage.getItem(READER) === "yes",
    shown: false, // whether there is output to be seen
  }),
  computed: {
    mayType() {
      return this.wheel.mine;
    },
    alive() {
      return ["opening", "open", "closing", "resting"].includes(this.state.state);
    },
    off() {
      return this.wheel.off || (this.state.off ? `The terminal is off here: ${this.state.off}` : "");
    },
    said() {
      if (this.phase === "gone") return "";
      if (this.phase !== "live") return this.phase === "connecting" ? "Connecting…" : "The connection is cut; trying again. Nothing is lost.";
      const state = this.state.state;
      if (state === "ended") return this.state.why ? `It has ended: ${this.state.why.replace(/\.$/, "")}.` : STATES.ended;
      if (!this.mayType && this.alive) return state === "resting" ? "Set aside." : "Live; read-only for you.";
      return STATES[state] || state;
    },
    blank() {
      if (this.alive || this.shown) return "";
      if (this.mayType) return "A shell in the workspace of this sub-agent, in its own sandbox, without network. The call is on record before the shell starts; when you close it, or hand back, what you typed and what came out stands in the thread.";
      return this.wheel.holder ? `When ${this.wheel.holder} opens a terminal, you see it here as it happens.` : "Whoever holds the wheel can open a terminal here; everybody sees the same.";
    },
  },
  watch: {
    wheel() {
      this.fit();
    },
    blank() {
      this.$nextTick(() => this.fit());
    },
  },
  mounted() {
    this.attempt = 0;
    this.replay = null; // under way: all output is being shown again
    this.early = ""; // typed during it
    this.make();
    this.connect();
    this.online = () => this.soon(0);
    addEventListener("online", this.online);
  },
  unmounted() {
    this.left = true;
    clearTimeout(this.timer);
    removeEventListener("online", this.online);
    this.sizes?.disconnect();
    this.themes?.disconnect();
    this.socket?.close();
    this.term?.dispose();
  },
  methods: {
    // --- the screen ---
    make() {
      const sheet = document.createElement("link");
      sheet.rel = "stylesheet";
      sheet.href = `${window.path_prefix || ""}${this.resourcePath}/xterm.css`;
      document.head.append(sheet);
      this.term = new Terminal({ fontSize: 12.5, fontFamily: '"JetBrains Mono", "DejaVu Sans Mono", "Liberation Mono", monospace', lineHeight: 1.15, cursorBlink: !matchMedia("(prefers-reduced-motion: reduce)").matches, scrollback: SCROLLBACK, screenReaderMode: this.reader, theme: this.theme(), disableStdin: false });
      this.fitting = new FitAddon();
      this.term.loadAddon(this.fitting);
      this.term.open(this.$refs.screen);
      this.term.onData((text) => this.type(text));
      this.term.onSelectionChange(() => (this.chosen = this.term.hasSelection()));
      this.term.attachCustomKeyEventHandler((event) => this.key(event));
      this.sizes = new ResizeObserver(() => this.fit());
      this.sizes.observe(this.$refs.screen);
      this.themes = new MutationObserver(() => (this.term.options.theme = this.theme()));
      this.themes.observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
      window.clawTerminal = this.term; // for whoever wants to read the screen from outside
    },
    theme() {
      const style = getComputedStyle(document.documentElement);
      const colour = (name) => style.getPropertyValue(name).trim();
      const kind = document.documentElement.dataset.theme === "light" ? "light" : "dark";
      return { ...COLOURS[kind], background: colour("--bg"), foreground: colour("--text"), cursor: colour("--human"), cursorAccent: colour("--bg"), selectionBackground: kind === "light" ? "#b9d0f7" : "#2b5189" };
    },
    setReader() {
      localStorage.setItem(READER, this.reader ? "yes" : "no");
      this.term.options.screenReaderMode = this.reader;
    },
    key(event) {
      if (event.type !== "keydown") return true;
      const mod = event.ctrlKey || event.metaKey;
      if (event.key === "F6") {
        event.preventDefault();
        (this.$refs.end || this.$el.querySelector("button"))?.focus();
        return false;
      }
      if (mod && event.key.toLowerCase() === "c" && (event.shiftKey || event.metaKey || this.term.hasSelection())) {
        event.preventDefault();
        this.copy();
        return false;
      }
      return !(mod && event.key.toLowerCase() === "v"); // the browser pastes
    },
    async copy() {
      await navigator.clipboard.writeText(this.term.getSelection());
      this.term.clearSelection();
      this.term.focus();
    },
    async paste() {
      try {
        this.term.paste(await navigator.clipboard.readText());
      } catch {
        this.problem = "The browser does not let this page read the clipboard; paste with the keyboard.";
      }
      this.term.focus();
    },
    fit() {
      if (!this.term || !this.$refs.screen?.clientWidth) return;
      if (!this.mayType) {
        if (this.state.cols !== this.term.cols || this.state.rows !== this.term.rows) this.term.resize(this.state.cols, this.state.rows);
        return;
      }
      const size = this.fitting.proposeDimensions();
      if (!size || !Number.isFinite(size.cols) || size.cols < 10 || size.rows < 2) return;
      if (size.cols !== this.term.cols || size.rows !== this.term.rows) this.term.resize(size.cols, size.rows);
      if (this.alive && (size.cols !== this.state.cols || size.rows !== this.state.rows)) this.send({ t: "size", ...size });
    },
    // --- the socket ---
    connect() {
      const scheme = location.protocol === "https:" ? "wss" : "ws";
      const socket = new WebSocket(`${scheme}://${location.host}/api/v1/agents/${encodeURIComponent(this.agentId)}/terminal`);
      this.socket = socket;
      socket.onmessage = (event) => socket === this.socket && this.hear(JSON.parse(event.data));
      socket.onclose = (event) => {
        if (this.left || socket !== this.socket) return;
        this.phase = [GONE, SIGNED_OUT].includes(event.code) ? "gone" : "reconnecting";
        if (this.phase === "gone") this.problem = event.reason || "This terminal cannot be watched any more.";
        else this.soon(WAITS_MS[Math.min(this.attempt++, WAITS_MS.length - 1)]);
      };
    },
    soon(wait) {
      if (this.phase === "live" || this.phase === "gone" || this.left) return;
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.connect(), wait);
    },
    send(frame) {
      if (this.socket?.readyState !== WebSocket.OPEN) return false;
      this.socket.send(JSON.stringify({ epoch: this.wheel.epoch, ...frame }));
      return true;
    },
    hear(frame) {
      if (frame.t === "out") this.write(frame.number, frame.text);
      else if (frame.t === "all") this.writeAll(frame);
      else if (frame.t === "state") this.settle(frame);
      else if (frame.t === "size") this.settle({ ...this.state, cols: frame.cols, rows: frame.rows });
      else if (frame.t === "refused") this.refuse(frame);
    },
    settle(state) {
      const opened = state.state === "open" && this.state.state !== "open";
      this.state = state;
      this.phase = "live";
      this.attempt = 0;
      if (opened) this.problem = "";
      this.$nextTick(() => {
        this.fit();
        if (opened && this.mayType && this.wanted) this.term.focus();
        if (opened) this.wanted = false;
      });
    },
    write(number, text) {
      this.shown = true;
      this.term.write(text, () => this.send({ t: "taken", number }));
    },
    writeAll(frame) {
      this.term.reset();
      const replay = (this.replay = {});
      this.shown = Boolean(frame.text);
      this.$nextTick(() => {
        this.fit();
        this.term.write(frame.text, () => {
          if (this.replay === replay) this.replayed();
          if (frame.number) this.send({ t: "taken", number: frame.number });
        });
      });
    },
    /** What was typed meanwhile goes in now. */
    replayed() {
      const { early } = this;
      this.replay = null;
      this.early = "";
      if (early) this.type(early);
    },
    refuse(frame) {
      this.problem = [frame.sentence, frame.hint].filter(Boolean).join(" ");
      if (frame.what === "in") this.lost += frame.text;
    },
    // --- the person ---
    open() {
      this.problem = "";
      this.lost = "";
      this.wanted = true;
      this.shown = true; // the screen has to be there before it can be measured
      this.$nextTick(() => {
        this.fit();
        this.send({ t: "open", cols: this.term.cols, rows: this.term.rows });
      });
    },
    end() {
      this.send({ t: "end" });
    },
    type(text) {
      if (!this.mayType || !this.alive) return;
      if (this.replay) {
        if (!ANSWER.test(text)) this.early += text; // what is shown again must not answer anybody
        return;
      }
      for (let at = 0, end; at < text.length; at = end) {
        end = Math.min(at + PIECE, text.length);
        if (end < text.length && splits(text, end)) end -= 1;
        const piece = text.slice(at, end);
        if (!this.send({ t: "in", text: piece })) {
          this.problem = "The connection is cut.";
          this.lost += piece;
        }
      }
    },
  },
};
