// Who may sign in here, with which role; and one's own tokens. Names are text of strangers.
import { api } from "/claw/api.js";
import { ask } from "/claw/ask.js";
import { faceOf } from "/claw/faces.js";
import { me, whyNot } from "/claw/me.js";
import { say, sayError } from "/claw/say.js";
import { when, whole } from "/claw/when.js";

const EVERY_MS = 5000;
const EMPTY = { name: "", sign_in_name: "", role: "viewer" };

export default {
  props: { roles: Array },
  template: `
<div class="people-page">
  <section v-if="admin" class="card people-add" aria-labelledby="people-add">
    <header><h2 id="people-add">Invite somebody</h2></header>
    <form class="people-form" @submit.prevent="add" novalidate>
      <div class="field"><label for="new-name">Name</label><input id="new-name" v-model="fresh.name" autocomplete="off" placeholder="As others see it"></div>
      <div class="field"><label for="new-sign-in">Sign-in name</label><input id="new-sign-in" v-model="fresh.sign_in_name" autocomplete="off" autocapitalize="none" spellcheck="false" :aria-invalid="String(!!wrong)" aria-describedby="new-wrong"></div>
      <div class="field"><label for="new-role">Role</label><select id="new-role" v-model="fresh.role"><option v-for="r in roles" :key="r.id" :value="r.id">{{ r.id }}</option></select></div>
      <button class="btn btn-primary" :disabled="busy || !fresh.sign_in_name.trim()">Make a link</button>
    </form>
    <p id="new-wrong" class="people-wrong" role="alert">{{ wrong }}</p>
    <div v-if="link" class="people-link" role="status"><span>For <bdi>{{ link.name }}</bdi>, good once and for seven days:</span><code data-link>{{ link.href }}</code><button type="button" class="btn btn-small" @click="copy(link.href)">Copy</button></div>
    <dl class="people-roles"><div v-for="r in roles" :key="r.id"><dt>{{ r.id }}</dt><dd>{{ r.about }}</dd></div></dl>
  </section>
  <section v-if="admin" class="people" aria-labelledby="people-title">
    <header><h2 id="people-title">People</h2><span class="muted">{{ accounts ? accounts.length : "" }}</span></header>
    <p v-if="problem" class="people-wrong" role="alert">{{ problem }}</p>
    <div v-if="!accounts && !problem" aria-busy="true" aria-label="Accounts are being read"><div class="skeleton" style="height: 58px"></div></div>
    <ul v-else><li v-for="a in accounts" :key="a.id" class="account" :class="{ 'account-off': a.disabled }" :data-account="a.id" :aria-label="a.name">
      <div class="account-who"><span class="face" :style="{ '--hue': face(a).hue }" aria-hidden="true">{{ face(a).initials }}</span>
        <div class="grow"><div class="account-name"><bdi class="cut" :title="a.name">{{ a.name }}</bdi><span v-if="a.id === me.id" class="tag">you</span><span v-if="a.disabled" class="tag tag-bad">disabled</span><span v-else-if="!a.has_password" class="tag tag-attention">{{ a.invited ? "invited" : "link too old" }}</span></div>
          <div class="account-sub cut">{{ a.sign_in_name }}</div></div></div>
      <div class="field"><label :for="'role-' + a.id">Role of <bdi>{{ a.name }}</bdi></label><select :id="'role-' + a.id" :value="a.role" :disabled="busy" @change="role(a, $event)"><option v-for="r in roles" :key="r.id" :value="r.id">{{ r.id }}</option></select></div>
      <div class="account-sub"><span v-if="a.last_seen" :title="whole(a.last_seen)">Seen {{ when(a.last_seen) }}</span><span v-else>Never seen</span><span> · {{ a.browsers }} {{ a.browsers === 1 ? "browser" : "browsers" }}</span><span v-if="a.tokens"> · {{ a.tokens }} {{ a.tokens === 1 ? "token" : "tokens" }}</span></div>
      <div class="account-acts">
        <button type="button" class="btn btn-small" :disabled="busy || a.disabled" @click="invite(a)">New link</button>
        <button type="button" class="btn btn-small" :disabled="busy || !a.browsers" @click="signOut(a)">Sign out</button>
        <button type="button" class="btn btn-small btn-no" :class="{ 'btn-danger': !a.disabled }" :disabled="busy" @click="disable(a)">{{ a.disabled ? "Enable" : "Disable…" }}</button></div>
    </li></ul>
  </section>
  <section v-else class="card"><p class="muted">{{ why }}</p></section>
  <section v-if="admin && changes" class="card people-tokens" aria-labelledby="changes-title" data-part="changes">
    <header><h2 id="changes-title">Changes of accounts</h2></header>
    <p v-if="!changes.length" class="muted">Nothing was changed yet.</p>
    <ul class="tokens" aria-label="Changes of accounts, newest first"><li v-for="c in changes" :key="c.seq" :data-change="c.what"><span class="grow"><bdi>{{ c.by_name || "Somebody at the server" }}</bdi> {{ c.words }}<template v-if="c.actor !== c.account"> · <bdi>{{ c.name }}</bdi></template></span><time class="muted" :datetime="new Date(c.at).toISOString()" :title="whole(c.at)">{{ when(c.at) }}</time></li></ul>
    <button v-if="older" type="button" class="btn btn-small" :disabled="busy" @click="more">Show older</button>
  </section>
  <section class="card people-tokens" aria-labelledby="tokens-title">
    <header><h2 id="tokens-title">Your tokens</h2></header>
    <p class="muted">For the command line and programs: CLAWGROUPS_TOKEN, or the header Authorization: Bearer. A token may do what you may.</p>
    <ul class="tokens"><li v-for="t in tokens" :key="t.id" :data-token="t.id"><bdi class="grow cut">{{ t.name }}</bdi><span class="muted">{{ t.last_seen ? "used " + when(t.last_seen) : "never used" }}</span><button type="button" class="btn btn-small btn-danger" :aria-label="'Remove ' + t.name" @click="drop(t)">Remove</button></li></ul>
    <form class="row" @submit.prevent="make" novalidate><label class="sr" for="token-name">Name of the token</label><input id="token-name" class="input" style="max-width: 320px" v-model="tokenName" placeholder="Where it is used" autocomplete="off">
      <button class="btn" :disabled="busy || !tokenName.trim()">Make a token</button></form>
    <div v-if="secret" class="people-link" role="status"><span>Shown this once:</span><code data-secret>{{ secret }}</code><button type="button" class="btn btn-small" @click="copy(secret)">Copy</button></div>
  </section>
</div>`,
  data: () => ({ me, accounts: null, changes: null, older: null, tokens: [], fresh: { ...EMPTY }, link: null, secret: "", tokenName: "", wrong: "", problem: "", busy: false, why: whyNot("accounts") }),
  computed: {
    admin: () => !whyNot("accounts"),
  },
  mounted() {
    this.look();
    this.timer = setInterval(() => document.hidden || this.busy || this.look(), EVERY_MS);
  },
  unmounted() {
    clearInterval(this.timer);
  },
  methods: {
    when, whole,
    face: faceOf,
    async look() {
      try {
        if (this.admin) {
          this.accounts = (await api("GET", "/accounts")).accounts;
          await this.lookAtChanges();
        }
        this.tokens = (await api("GET", "/me/tokens")).tokens;
        this.problem = "";
      } catch (error) {
        this.problem = `${error.message} ${error.hint}`;
      }
    },
    /** The newest; older ones that were asked for stay where they follow on. */
    async lookAtChanges() {
      const { changes, next } = await api("GET", "/accounts/changes");
      const last = changes.at(-1)?.seq ?? 0;
      const follow = this.changes?.some((one) => one.seq === last);
      if (!follow) this.older = next;
      this.changes = [...changes, ...(follow ? this.changes.filter((one) => one.seq < last) : [])];
    },
    more() {
      return this.change(async () => {
        const { changes, next } = await api("GET", `/accounts/changes?before=${this.older}`);
        this.changes = [...this.changes, ...changes];
        this.older = next;
      });
    },
    /** One change at a time; what it comes to is read again. Null when it was refused. */
    async change(act, done = "") {
      this.busy = true;
      try {
        const answer = (await act()) ?? true;
        if (done) say({ sentence: done, kind: "ok" });
        return answer;
      } catch (error) {
        sayError(error);
        return null;
      } finally {
        this.busy = false;
        await this.look();
      }
    },
    show(account) {
      this.link = { name: account.name, href: location.origin + account.invitation };
    },
    async add() {
      this.wrong = "";
      this.busy = true;
      try {
        this.show(await api("POST", "/accounts", this.fresh));
        this.fresh = { ...EMPTY };
      } catch (error) {
        this.wrong = `${error.message} ${error.hint}`;
      } finally {
        this.busy = false;
        await this.look();
      }
    },
    async invite(a) {
      const answer = await this.change(() => api("POST", `/accounts/${encodeURIComponent(a.id)}/invitation`));
      if (answer) this.show(answer);
    },
    patch(a, body, done) {
      return this.change(() => api("PATCH", `/accounts/${encodeURIComponent(a.id)}`, body), done);
    },
    async role(a, event) {
      const wanted = event.target.value;
      if (!(await this.patch(a, { role: wanted }, `${a.name} is ${/^[ao]/.test(wanted) ? "an" : "a"} ${wanted} now.`))) event.target.value = a.role;
    },
    signOut(a) {
      return this.change(() => api("POST", `/accounts/${encodeURIComponent(a.id)}/sign-out`), `${a.name} was signed out everywhere.`);
    },
    async disable(a) {
      if (a.disabled) return this.patch(a, { disabled: false }, `${a.name} may sign in again.`);
      const text = "All browsers are signed out at once, and tokens stop to work. What was done stays on record.";
      if (await ask({ title: `Disable ${a.name}?`, text, act: "Disable", kind: "danger" })) await this.patch(a, { disabled: true }, `${a.name} is disabled.`);
    },
    async make() {
      const answer = await this.change(() => api("POST", "/me/tokens", { name: this.tokenName }));
      if (!answer) return;
      this.secret = answer.secret;
      this.tokenName = "";
    },
    drop(t) {
      return this.change(() => api("DELETE", `/me/tokens/${t.id}`), `The token ${t.name} works no more.`);
    },
    async copy(words) {
      try {
        await navigator.clipboard.writeText(words);
        say({ sentence: "Copied.", kind: "ok" });
      } catch {
        say({ sentence: "The browser does not allow to copy here.", hint: "Select the words and copy them by hand." });
      }
    },
  },
};
