// The person's own menu: name and role, password, tokens, sign out.
import { api } from "/claw/api.js";
import { ask } from "/claw/ask.js";
import { faceOf } from "/claw/faces.js";
import { leave, me } from "/claw/me.js";
import { say, sayError } from "/claw/say.js";

export default {
  template: `
    <details class="me" ref="menu" @keydown.escape="close" @focusout="left">
      <summary :aria-label="'You: ' + me.name + ', ' + role" :title="me.name + ', ' + role"><span class="face" :style="{ '--hue': face.hue }" aria-hidden="true">{{ face.initials }}</span><span class="cut" aria-hidden="true">{{ me.name }}</span></summary>
      <div class="me-list">
        <div class="me-who"><b>{{ me.name }}</b><span>{{ about }}</span></div>
        <a href="/settings">Settings</a>
        <template v-if="me.open"><a href="/people">Set up sign-in…</a></template>
        <template v-else>
          <a href="/people">{{ me.role === "admin" ? "People and tokens" : "Your tokens" }}</a>
          <button type="button" @click="password">Change password…</button>
          <button type="button" @click="out('')">Sign out</button>
          <button type="button" @click="out('/everywhere')">Sign out everywhere</button>
        </template>
      </div>
    </details>`,
  data: () => ({ me, face: faceOf(me) }),
  computed: {
    role() {
      return me.open ? "local admin" : me.role;
    },
    about() {
      return me.open ? "Local admin. Nobody signs in: this server answers on its own machine only." : `You are ${/^[ao]/.test(me.role) ? "an" : "a"} ${me.role} here.`;
    },
  },
  mounted() {
    this.outside = (event) => this.$el.contains(event.target) || this.close();
    document.addEventListener("pointerdown", this.outside);
  },
  unmounted() {
    document.removeEventListener("pointerdown", this.outside);
  },
  methods: {
    close() {
      if (this.$refs.menu) this.$refs.menu.open = false;
    },
    left(event) {
      if (event.relatedTarget && !this.$el.contains(event.relatedTarget)) this.close();
    },
    async password() {
      this.close();
      const fields = [
        { name: "old", label: "Present password", type: "password", required: true },
        { name: "new", label: "New password", type: "password", required: true, hint: "At least 10 characters." },
      ];
      const submit = async (given) => {
        try {
          return { answer: await api("POST", "/me/password", given) };
        } catch (error) {
          return { problem: [error.message, error.hint].filter(Boolean).join(" ") };
        }
      };
      const text = "Your other browsers are signed out; tokens stay.";
      if (await ask({ title: "Change your password", text, fields, act: "Change it", submit }))
        say({ sentence: "Your password was changed.", kind: "ok" });
    },
    async out(where) {
      try {
        await leave(() => api("POST", `/sign-out${where}`));
      } catch (error) {
        sayError(error);
      }
    },
  },
};
