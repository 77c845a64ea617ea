// One answer for many requests: says how many it is for, gives it a few at a time, tells what was refused.
import { api } from "/claw/api.js";
import { ask } from "/claw/ask.js";
import { Panel } from "/claw/bulk.js";
import { dropClaim, isAnothers, whyNotChoose } from "/claw/claims.js";
import { answering, memberOptions, notAnswering } from "/claw/deeds.js";
import { say, sayError } from "/claw/say.js";
import { argumentLines, plural } from "/claw/words.js";

const AT_ONCE = 6;
const NAMED = 4;
const SCOPES = [["once", "Once"], ["tool", "Always for this tool, for each of these sub-agents"], ["group", "For the whole group"]];
const DOING = { approve: ["Approving", "approved"], deny: ["Denying", "denied"] };
const NEVER = new Set(["edit", "raise", "supply", "take_over"]); // each needs words, or a person, of its own

/** What can be answered for all of these at once: [{id, label, count, off}], the likely first, the harmful last. */
export function choicesOf(requests) {
  const found = new Map();
  for (const request of requests)
    for (const choice of request.choices) {
      if (NEVER.has(choice.id)) continue;
      const known = found.get(choice.id) ?? { ...choice, count: 0, off: whyNotChoose(request, choice.id) };
      found.set(choice.id, { ...known, count: known.count + 1 });
    }
  const harmful = (choice) => ["deny", "reject", "fail"].includes(choice.id);
  return [...found.values()].sort((a, b) => harmful(a) - harmful(b));
}

function namesOf(requests) {
  const names = [...new Set(requests.map((one) => one.agent_name))];
  return names.length > NAMED ? `${names.slice(0, NAMED).join(", ")} and ${names.length - NAMED} more` : names.join(", ");
}

async function fieldsOf(choice) {
  const scopes = SCOPES.filter(([scope]) => !whyNotChoose({ kind: "approval" }, "approve", scope));
  if (choice.id === "approve") return [{ name: "scope", label: "For how long", type: "choice", options: scopes }];
  if (choice.id === "deny") return [{ name: "text", label: "Reason", type: "text", hint: "Each of them reads this; it may be empty." }];
  if (choice.needs === "text") return [{ name: "text", label: "Words", type: "text", hint: "Each of them reads this.", required: true }];
  if (choice.needs === "member") return [{ name: "member", label: "Member", type: "choice", options: await memberOptions() }];
  return [];
}

/** Asks and does it. Gives {done, refused}, or null when nothing was done. */
export async function answerMany(all, choice) {
  const fits = all.filter((one) => one.choices.some((offered) => offered.id === choice.id));
  const touched = fits.filter((one) => !isAnothers(one));
  const left = fits.length - touched.length;
  if (!touched.length) {
    say({ sentence: `${choice.label}: there is none that you could answer.`, hint: left ? "Other people have them; take them first." : "" });
    return null;
  }
  let fields;
  try {
    fields = await fieldsOf(choice);
  } catch (error) {
    sayError(error);
    return null;
  }
  const same = new Set(touched.map((one) => one.cause)).size === 1;
  const given = await ask({
    title: `${choice.label} ${plural(touched.length, "request")}?`,
    text: `${namesOf(touched)}.${left ? ` ${plural(left, "other stays", "others stay")} open: other people have them.` : ""} This cannot be undone.`,
    code: same && touched[0].tool ? `${touched[0].tool}\n${argumentLines(touched[0].arguments)}` : "",
    fields, act: `${choice.label} ${touched.length}`, kind: ["deny", "fail"].includes(choice.id) ? "danger" : "primary",
    about: `${touched[0].group}-${choice.id}:answers`,
  });
  return given ? run(touched, choice, given) : null;
}

async function run(touched, choice, given) {
  const [doing, done] = DOING[choice.id] ?? ["Answering", "answered"];
  const panel = new Panel({ label: choice.label, doing, done, noun: "request" }, touched.length);
  const state = { panel, choice, given, done: [], refused: [], waiting: [...touched] };
  answering(touched.map((one) => one.id));
  if (["tool", "group"].includes(given.scope)) await leadersFirst(state);
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, state.waiting.length) }, () => work(state)));
  const failed = [...state.refused.map(({ tile }) => tile.id), ...state.waiting.map((one) => one.id)];
  notAnswering(failed);
  panel.end({ done: state.done.length, refused: state.refused, left: state.waiting.length, back: null });
  return { done: state.done, refused: state.refused };
}

async function work(state) {
  while (state.waiting.length && !state.panel.stopped) await send(state, state.waiting.shift());
}

async function send(state, request) {
  try {
    await api("POST", `/requests/${request.id}/answer`, { decision: state.choice.id, ...state.given });
    dropClaim(request.id);
    state.done.push(request);
  } catch (error) {
    state.refused.push({ tile: { id: request.id, n: state.refused.length, name: request.agent_name }, error });
  }
  state.panel.move(state.done.length + state.refused.length);
}

/** A leave for longer answers others of these by itself: one of each group (or sub-agent) goes first, then what is left. */
async function leadersFirst(state) {
  const seen = new Set();
  const led = (one) => (state.given.scope === "group" ? `${one.group}/${one.tool}` : `${one.agent}/${one.tool}`);
  const leaders = state.waiting.filter((one) => !seen.has(led(one)) && seen.add(led(one)));
  if (leaders.length === state.waiting.length) return;
  const rest = state.waiting.filter((one) => !leaders.includes(one));
  state.waiting = leaders;
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, leaders.length) }, () => work(state)));
  const open = await openOf(new Set(rest.map((one) => one.group)));
  state.done.push(...rest.filter((one) => open && !open.has(one.id)));
  state.waiting.push(...rest.filter((one) => !open || open.has(one.id)));
  state.panel.move(state.done.length + state.refused.length);
}

async function openOf(groups) {
  try {
    const pages = await Promise.all([...groups].map((group) => api("GET", `/requests?group=${encodeURIComponent(group)}`)));
    return new Set(pages.flatMap(({ requests }) => requests.map((one) => one.id)));
  } catch {
    return null; // then each is asked for; the server says of each what became of it
  }
}
