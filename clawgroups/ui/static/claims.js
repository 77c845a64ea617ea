// Who has a request: taken, given, let go. While somebody has it, nobody else answers it; one click takes it.
import { api } from "/claw/api.js";
import { ask } from "/claw/ask.js";
import { me, whyNot } from "/claw/me.js";
import { say, sayError } from "/claw/say.js";
import { span } from "/claw/when.js";

const held = new Map(); // what this page claimed by opening it: id -> whose it is, and since when
const left = new Map(); // what it let go: id -> since when it had been claimed
const sending = new Set(); // what this page answers now, or has answered
const lines = new Map(); // what is under way: id -> ends when the server has heard it

const assign = (id, body) => api("POST", `/requests/${id}/assign`, body);

export const isMine = (request) => request.assigned === me.id;
export const isAnothers = (request) => Boolean(request.assigned) && !isMine(request);

/** Why this person's role does not allow an answer, or this choice, which may amount to more; empty when it does. */
export function whyNotChoose(request, choice = "", scope = "") {
  return whyNot("AnswerRequest") || whyNot(`answer:${request.kind}:${choice}${scope === "group" ? ":group" : ""}`);
}

/** Why this person cannot answer it now, or not with this choice; empty when they can. */
export function whyNotAnswer(request, choice = "", scope = "") {
  const role = whyNotChoose(request, choice, scope);
  if (role || !isAnothers(request)) return role;
  return `${request.assigned_name || request.assigned} has this. Take it, if you want to answer it.`;
}

async function attempt(act) {
  try {
    return await act();
  } catch (error) {
    sayError(error);
    return null;
  }
}

/** One deed after another for each request: the server hears of a claim's end before it hears of the next claim. */
function inLine(id, act) {
  const done = (lines.get(id) ?? Promise.resolve()).then(act);
  const quiet = done.catch(() => {}).then(() => lines.get(id) === quiet && lines.delete(id));
  lines.set(id, quiet);
  return done;
}

/** What the feed shows as this person's may be a claim that was let go a moment ago: then it is nobody's. */
const isStillMine = (request) => isMine(request) && request.assigned_at !== left.get(request.id);

/** Somebody begins to answer: it is theirs if nobody has it. Gives false when another has it, who is then named. */
export async function claim(request) {
  const { id } = request;
  if (held.has(id) || isStillMine(request)) return true;
  if (whyNot("AssignRequest")) return true; // the answer itself is refused, with the reason
  const mine = { who: "", at: 0 };
  held.set(id, mine); // a second one at the same time is the same claim
  try {
    await inLine(id, async () => {
      if (held.get(id) !== mine || sending.has(id)) return; // put away, or answered, before it was its turn
      const now = await assign(id, { was: "" });
      Object.assign(mine, { who: now.assigned, at: now.assigned_at });
    });
    return true;
  } catch (error) {
    if (held.get(id) === mine) held.delete(id);
    if (error.rule !== "assigned") return true; // of no matter here: what is wrong is told where the answer is sent
    sayError(error);
    return false;
  }
}

/** An answer is about to be sent: the server hears of a claim that is under way before it, and none is let go after it. */
export async function beforeAnswer(id) {
  sending.add(id);
  await lines.get(id);
}

/** The answer was not taken. */
export const notAnswered = (id) => sending.delete(id);

/** It is put away without an answer. What was claimed in so many words, or elsewhere, stays. */
export async function letGo(id) {
  if (sending.has(id)) return;
  const mine = held.get(id);
  held.delete(id);
  if (!mine) return;
  try {
    await inLine(id, async () => {
      if (!mine.who) return;
      left.set(id, mine.at);
      await assign(id, { to: "", was: mine.who });
    });
  } catch (error) {
    if (error.rule !== "answered_once") sayError(error);
  }
}

/** It is answered, settled or somebody else's: there is nothing to let go. */
export function dropClaim(id) {
  held.delete(id);
  left.delete(id);
}

/** Takes it, whoever has it. */
export function take(request) {
  held.delete(request.id);
  return attempt(() => assign(request.id, {}));
}

export function release(request) {
  held.delete(request.id);
  return attempt(() => assign(request.id, { to: "" }));
}

/** Asks who is to have it. */
export async function giveTo(requests) {
  const found = await attempt(() => api("GET", "/members"));
  if (!found) return null;
  const people = found.members.filter((one) => one.kind === "person");
  const given = await ask({
    title: requests.length > 1 ? `Who is to answer these ${requests.length}?` : `Who is to answer ${requests[0].agent_name}?`,
    text: "They alone answer then, until somebody takes it.",
    fields: [{ name: "to", label: "Person", type: "choice", options: people.map((one) => [one.id, one.id === me.id ? `${one.name} (you)` : one.name]) }],
    act: "Assign",
  });
  if (!given) return null;
  const name = people.find((one) => one.id === given.to)?.name ?? given.to;
  for (const request of requests) {
    held.delete(request.id);
    if (!(await attempt(() => assign(request.id, { to: given.to })))) return null;
  }
  say({ sentence: requests.length > 1 ? `${name} has these ${requests.length} now.` : `${name} has it now.`, kind: "ok" });
  return true;
}

// A page that is left answers nothing any more.
addEventListener("pagehide", () => {
  for (const [id, { who }] of held) {
    if (!who || sending.has(id)) continue;
    const body = JSON.stringify({ to: "", was: who });
    fetch(`/api/v1/requests/${id}/assign`, { method: "POST", keepalive: true, headers: { "Content-Type": "application/json" }, body }).catch(() => {});
  }
});

/** Who has it, and what can be done about that; the same wherever a request is shown. */
export const claimLine = {
  props: { request: Object, now: Number, quiet: Boolean },
  template: `
    <div v-if="request.assigned || !quiet" class="claim" :class="{ 'claim-mine': mine, 'claim-other': other }" @click.stop>
      <span v-if="request.assigned" class="claim-who"><i class="claim-dot" aria-hidden="true"></i><template v-if="mine">You have</template><template v-else><bdi>{{ request.assigned_name || request.assigned }}</bdi> has</template> it<template v-if="since"> · {{ since }}</template></span>
      <span v-else class="claim-who claim-none">Nobody has it</span>
      <template v-if="!quiet || other">
        <button v-if="!mine" type="button" class="btn btn-small" :class="other ? 'btn-human' : 'btn-ghost'" :disabled="busy || !!off" :title="off" @click="act('take')">{{ other ? "Take it" : "Claim" }}</button>
        <button v-else type="button" class="btn btn-small btn-ghost" :disabled="busy || !!off" :title="off" @click="act('release')">Let go</button>
        <button v-if="!quiet" type="button" class="btn btn-small btn-ghost" :disabled="busy || !!off" :title="off" @click="act('giveTo')">Assign…</button>
      </template>
    </div>`,
  data: () => ({ busy: false, off: whyNot("AssignRequest") }),
  computed: {
    mine() {
      return isMine(this.request);
    },
    other() {
      return isAnothers(this.request);
    },
    since() {
      return this.request.assigned_at ? span(Math.max(0, (this.now || Date.now()) - this.request.assigned_at)) : "";
    },
  },
  methods: {
    async act(what) {
      this.busy = true;
      await { take: () => take(this.request), release: () => release(this.request), giveTo: () => giveTo([this.request]) }[what]();
      this.busy = false;
    },
  },
};
