// What waits for a person here: approve, edit, deny, supply, answer. Half-written answers stay in the browser.
import { beforeAnswer, claim, claimLine, dropClaim, letGo, notAnswered, whyNotAnswer } from "/claw/claims.js";
import { ours } from "/claw/kept.js";
import { settledWords } from "/claw/settled.js";
import { plain, pretty } from "/claw/words.js";

const WAITS = { asking: "waits for approval", released: "is running", children: "a sub-agent works on it", answer: "waits for an answer", unknown: "may or may not have taken effect" };
const SHOWN = 6;

export default {
  components: { claimLine },
  template: `
<div v-if="requests.length || loose.length || left.length" class="asks">
  <article v-for="one in left" :key="one.id" class="ask ask-left" :data-request="one.id">
    <p class="ask-by" role="status" dir="auto">{{ one.told }}</p>
    <div class="field"><label :for="one.id + '-left'">Your words were not sent. They stay here until you put them away.</label>
      <textarea :id="one.id + '-left'" rows="3" readonly :value="one.words"></textarea></div>
    <div class="row"><button type="button" class="btn btn-small" @click="putAway(one)">Put away</button></div>
  </article>
  <article v-for="request in requests" :key="request.id" class="ask" :data-request="request.id" :aria-labelledby="request.id + '-title'">
    <header><span class="tag tag-attention">{{ request.kind.replace("_", " ") }}</span><h3 :id="request.id + '-title'">{{ plain(request.title) }}</h3></header>
    <p v-if="request.detail" class="ask-detail" dir="auto">{{ request.detail }}</p>
    <pre v-if="request.arguments && needs(request) !== 'arguments'" class="code">{{ pretty(request.arguments) }}</pre>
    <claim-line :request="request"></claim-line>
    <div v-if="needs(request)" class="field">
      <label :for="request.id + '-field'">{{ labels[needs(request)] }}</label>
      <select v-if="needs(request) === 'member'" :id="request.id + '-field'" v-model="drafts[slot(request)]"><option v-for="member in members" :key="member.id" :value="member.id">{{ plain(member.name) }} ({{ member.kind }})</option></select>
      <input v-else-if="needs(request) === 'amount'" :id="request.id + '-field'" v-model="drafts[slot(request)]" inputmode="decimal">
      <textarea v-else :id="request.id + '-field'" rows="4" :class="{mono: needs(request) === 'arguments'}" v-model="drafts[slot(request)]" :aria-invalid="Boolean(wrong[request.id])"
        @input="store" @keydown.enter.ctrl.prevent="send(request)" @keydown.enter.meta.prevent="send(request)"></textarea>
      <span v-if="wrong[request.id]" class="wrong" role="alert">{{ wrong[request.id] }}</span>
    </div>
    <div class="row">
      <template v-if="chosen[request.id]"><button type="button" class="btn btn-primary" data-act="send" :disabled="Boolean(no(request))" :title="no(request)" @click="send(request)">{{ chosen[request.id].label }}</button>
        <button type="button" class="btn btn-ghost" @click="choose(request, null)">Back</button></template>
      <button v-else v-for="(choice, n) in request.choices" :key="choice.id" type="button" class="btn" :class="look(choice, n)" :data-choice="choice.id" :disabled="Boolean(no(request, choice.id))" :title="no(request, choice.id)"
        @click="choose(request, choice)">{{ choice.label }}{{ choice.needs ? "…" : "" }}</button>
      <span v-if="!request.choices.length" class="dim">Take over to do it, or give it to somebody else.</span>
    </div>
  </article>
  <div v-if="loose.length" class="ask-calls"><h3>Open calls of the last step</h3>
    <ul><li v-for="call in loose.slice(0, most)" :key="call.id"><code class="mono"><bdi>{{ call.name }}</bdi></code> <span class="dim">{{ waits[call.status] || call.status }}</span></li></ul>
    <p v-if="loose.length > most" class="dim">and {{ loose.length - most }} more</p></div>
</div>`,
  props: { keep: String, requests: Array, calls: Array, members: Array },
  emits: ["answer"],
  data: () => ({
    chosen: {},
    drafts: {},
    wrong: {},
    left: [], // settled by somebody else while words were being written: {id, told, words}
    waits: WAITS,
    most: SHOWN,
    labels: { text: "Your words", arguments: "Arguments, as JSON", member: "New driver", amount: "By how much" },
  }),
  computed: {
    loose() {
      const asked = new Set(this.requests.map((request) => request.call).filter(Boolean));
      return this.calls.filter((call) => !asked.has(call.id));
    },
  },
  watch: {
    requests(now, before) {
      const open = new Set(now.map((request) => request.id));
      for (const request of before) if (!open.has(request.id)) this.settle(request);
    },
  },
  mounted() {
    this.sent = new Set();
    this.ended = {};
    this.drafts = JSON.parse(localStorage.getItem(ours("answers", this.keep)) || "{}");
    const open = new Set(this.requests.map((request) => request.id));
    const away = new Set(Object.keys(this.drafts).map((slot) => slot.split("/")[0]).filter((id) => !open.has(id)));
    for (const id of away) this.settle({ id, group: id.slice(0, id.lastIndexOf("-")), arguments: "" }); // while we were away
  },
  unmounted() {
    for (const id of Object.keys(this.chosen)) letGo(id);
  },
  methods: {
    plain,
    no: whyNotAnswer,
    async settle(request) {
      dropClaim(request.id);
      if (this.sent.has(request.id)) {
        this.ended[request.id] = request; // by us, unless our answer is refused
        return;
      }
      const written = ["text", "arguments"].map((needs) => (this.drafts[`${request.id}/${needs}`] ?? "").trim());
      const words = written.filter((one) => one && one !== this.pretty(request.arguments).trim()).join("\n\n");
      if (!words) return;
      this.left.push({ id: request.id, words, told: "Settled meanwhile…" });
      const told = await settledWords(request, words);
      if (!told) return this.putAway(request); // they were sent, and the page left before it heard of it
      for (const one of this.left) if (one.id === request.id) one.told = told;
    },
    taken(id) {
      for (const slot of Object.keys(this.drafts)) if (slot.split("/")[0] === id) delete this.drafts[slot];
      this.store();
    },
    /** Our answer was not taken: the card stays as it is, or says who was faster. */
    refused(id) {
      this.sent.delete(id);
      notAnswered(id);
      if (this.ended[id]) this.settle(this.ended[id]);
    },
    putAway(gone) {
      this.left = this.left.filter((one) => one.id !== gone.id);
      this.taken(gone.id);
    },
    slot(request) {
      return `${request.id}/${this.needs(request)}`;
    },
    needs(request) {
      return this.chosen[request.id]?.needs || "";
    },
    look(choice, n) {
      return ["deny", "fail", "reject"].includes(choice.id) ? "btn-danger" : n === 0 ? "btn-primary" : "";
    },
    pretty,
    async choose(request, choice) {
      this.wrong[request.id] = "";
      if (choice && !choice.needs && choice.id !== "deny") return this.emitAnswer(request, choice);
      if (!choice) letGo(request.id);
      else if (!(await claim(request))) return; // two people do not write the same answer
      const asked = choice && choice.id === "deny" ? { ...choice, needs: "text" } : choice;
      this.chosen[request.id] = asked;
      if (asked?.needs === "arguments") this.drafts[this.slot(request)] ||= this.pretty(request.arguments);
      if (asked) this.$nextTick(() => document.getElementById(`${request.id}-field`)?.focus());
    },
    send(request) {
      const choice = this.chosen[request.id];
      const draft = String(this.drafts[this.slot(request)] ?? "");
      this.wrong[request.id] = this.problem(choice, draft);
      if (!this.wrong[request.id]) this.emitAnswer(request, choice, draft);
    },
    problem(choice, draft) {
      if (choice.needs === "arguments") {
        try {
          const value = JSON.parse(draft);
          return value && typeof value === "object" && !Array.isArray(value) ? "" : "The arguments must be a JSON object.";
        } catch (error) {
          return `This is not JSON: ${error.message}`;
        }
      }
      if (choice.needs === "amount") return Number(draft) > 0 ? "" : "A number above zero.";
      return draft.trim() || choice.id === "deny" ? "" : "This is needed.";
    },
    async emitAnswer(request, choice, draft = "") {
      this.sent.add(request.id);
      await beforeAnswer(request.id);
      const field = choice.needs === "amount" ? { amount: Number(draft) } : { [choice.needs || "text"]: draft };
      this.$emit("answer", { request: request.id, decision: choice.id, ...field });
    },
    store() {
      const open = new Set([...this.requests, ...this.left].map((request) => request.id));
      localStorage.setItem(ours("answers", this.keep), JSON.stringify(Object.fromEntries(Object.entries(this.drafts).filter(([slot]) => open.has(slot.split("/")[0])))));
    },
  },
};
