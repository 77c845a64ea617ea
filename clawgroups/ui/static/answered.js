// What people answered in this group, newest first: who, what, when, and how long it had waited.
import { api } from "/claw/api.js";
import { me } from "/claw/me.js";
import { room } from "/claw/room.js";
import { span, when, whole } from "/claw/when.js";
import { REQUEST_KINDS, argumentGist, plain, requestTitle } from "/claw/words.js";

const PAGE = 50;
const SCOPES = { tool: "always for this tool", group: "for the whole group" };

export const answered = {
  props: { groupId: String, news: Number },
  template: `
    <div class="answered">
      <div v-if="people.length" class="answered-bar"><label :for="'by-' + groupId">By</label>
        <select class="input" :id="'by-' + groupId" v-model="by"><option value="">Everybody</option><option v-for="p in people" :key="p.id" :value="p.id">{{ plain(p.name) }}{{ p.id === me ? " (you)" : "" }} · {{ p.answers }}</option></select></div>
      <p v-if="problem" class="answered-problem" role="alert">{{ problem }} <button type="button" class="btn btn-small" @click="read()">Try again</button></p>
      <div v-if="!list" class="inbox-loading" :aria-busy="String(!problem)"><div v-for="n in 3" :key="n" class="skeleton"></div></div>
      <div v-else-if="!list.length" class="inbox-none"><strong>Nothing was answered yet.</strong><span>Every answer is kept here, with who gave it.</span></div>
      <ol v-else class="inbox-list" aria-label="Answered requests">
        <li v-for="a in list" :key="a.id" class="item item-answered" :data-answer="a.id" @click="select(a)">
          <div class="item-head"><button type="button" class="item-name"><bdi>{{ a.agent_name }}</bdi></button><span class="tag" :class="kind(a).tag">{{ kind(a).label }}</span>
            <time class="num" :datetime="new Date(a.answered_at).toISOString()" :title="whole(a.answered_at)">{{ when(a.answered_at) }}</time></div>
          <p class="item-title" dir="auto">{{ title(a) }}</p>
          <pre v-if="a.tool && a.kind === 'approval'" class="code item-code item-code-cut" tabindex="-1">{{ gist(a.arguments) }}</pre>
          <p class="answered-by"><bdi>{{ a.by === me ? "You" : a.by_name }}</bdi>: <strong>{{ a.label }}</strong><template v-if="scope(a)">{{ ", " + scope(a) }}</template><template v-if="a.text"> – “<bdi>{{ a.text.length > 300 ? a.text.slice(0, 300) + "…" : a.text }}</bdi>”</template></p>
          <p class="item-blocked">waited {{ span(a.waited_ms) }}</p>
        </li>
        <li v-if="next" class="inbox-rest"><button type="button" class="btn btn-small" :disabled="reading" @click="older">{{ reading ? "Reading…" : "Show older" }}</button></li>
      </ol>
    </div>`,
  data: () => ({ list: null, people: [], next: null, by: "", reading: false, problem: "", me: me.id }),
  watch: {
    by() {
      this.list = null;
      this.read();
    },
    news() {
      this.read();
    },
  },
  mounted() {
    this.read();
  },
  methods: {
    plain, span, when, whole,
    kind: (a) => REQUEST_KINDS[a.kind] ?? { label: a.kind, tag: "" },
    title: (a) => (a.kind === "question" ? a.detail || a.title : requestTitle(a)),
    gist: argumentGist,
    scope: (a) => (a.decision === "approve" ? SCOPES[a.scope] ?? "" : ""),
    select(a) {
      room.select(a.agent);
    },
    ask(cursor) {
      const query = new URLSearchParams({ limit: PAGE, by: this.by, cursor });
      return api("GET", `/groups/${encodeURIComponent(this.groupId)}/answers?${query}`);
    },
    /** The newest; older ones that are shown already stay where they follow on. */
    async read() {
      const by = this.by;
      try {
        const { answers, next, people } = await this.ask("");
        if (by !== this.by) return; // another person was chosen meanwhile
        const at = this.list ? this.list.findIndex((one) => one.id === answers.at(-1)?.id) : -1;
        const rest = at >= 0 ? this.list.slice(at + 1) : [];
        if (at < 0) this.next = next;
        Object.assign(this, { list: [...answers, ...rest], people, problem: "" });
      } catch (error) {
        this.problem = [error.message, error.hint].filter(Boolean).join(" ");
      }
    },
    async older() {
      this.reading = true;
      const by = this.by;
      try {
        const { answers, next } = await this.ask(this.next);
        if (by !== this.by) return;
        const known = new Set(this.list.map((one) => one.id));
        Object.assign(this, { list: [...this.list, ...answers.filter((one) => !known.has(one.id))], next, problem: "" });
      } catch (error) {
        this.problem = [error.message, error.hint].filter(Boolean).join(" ");
      } finally {
        this.reading = false;
      }
    },
  },
};
