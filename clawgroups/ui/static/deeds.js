// What a person can do to a sub-agent or a request: asks where needed, calls the API, says what came of it.
import { api } from "/claw/api.js";
import { ask } from "/claw/ask.js";
import { beforeAnswer, claim, dropClaim, letGo, notAnswered } from "/claw/claims.js";
import { me } from "/claw/me.js";
import { room } from "/claw/room.js";
import { say, sayError } from "/claw/say.js";
import { argumentLines, pretty } from "/claw/words.js";

async function attempt(act, done) {
  try {
    const answer = await act();
    if (done) say({ sentence: done, kind: "ok" });
    return answer ?? true;
  } catch (error) {
    if (error.rule === "answered_once")
      say({ sentence: "This was settled already.", hint: "Somebody was faster, or what asked has gone on." });
    else sayError(error);
    return null;
  }
}

/** Asks, and does it. A refusal is said in the dialog, which stays with every word that was written in it. */
function askAndDo(spec, act, done) {
  const submit = async (values) => {
    try {
      const answer = (await act(values)) ?? true;
      if (done) say({ sentence: done, kind: "ok" });
      return { answer };
    } catch (error) {
      return { problem: [error.message, error.hint].filter(Boolean).join(" "), final: error.rule === "answered_once" };
    }
  };
  return ask({ ...spec, submit });
}

const post = (agent, what, body) => api("POST", `/agents/${agent}/${what}`, body);

export async function takeOver(tile) {
  const held = tile.driver?.kind === "person"; // mine: go on there; another's: watch
  if (!held && !(await attempt(() => post(tile.id, "take-over", { mode: "now" })))) return;
  location.href = `/agents/${tile.id}/drive`;
}

export const takeOverAfter = (tile) =>
  attempt(() => post(tile.id, "take-over", { mode: "after_step" }), `${tile.name} is yours after this step.`);
export const withdraw = (tile) => attempt(() => post(tile.id, "take-over/withdraw"), `${tile.name} goes on as before.`);

/** Gives the wheel back with a note; more ways (to somebody else, for one step) are on the take-over screen. */
export async function handBack(tile) {
  if (tile.driver?.id !== me.id) return say({ sentence: `You do not hold the wheel of ${tile.name}.` });
  const spec = {
    title: `Hand ${tile.name} back?`, about: `${tile.id}:hand-back`,
    text: "Its former driver goes on from here, and is told what you did.",
    fields: [{ name: "note", label: "Note", type: "text", hint: "It reads this; it may be empty." }],
    act: "Hand back",
  };
  await askAndDo(spec, (given) => post(tile.id, "hand-back", { epoch: tile.epoch, ...given }), `${tile.name} was handed back.`);
}

export function pauseOrResume(tile) {
  if (tile.state === "paused") return attempt(() => post(tile.id, "resume"), `${tile.name} goes on.`);
  return attempt(() => post(tile.id, "pause"), `${tile.name} pauses at its next step.`);
}

export async function steer(tile, message) {
  if (message === undefined) {
    const spec = {
      title: `Steer ${tile.name}`, about: `${tile.id}:steer`,
      text: "It reads your words at its next step; nothing is interrupted.",
      fields: [{ name: "message", label: "Message", type: "text", required: true, missing: "Write a word or two." }],
      act: "Queue the message",
    };
    return askAndDo(spec, (given) => post(tile.id, "steer", given), `Queued for ${tile.name}'s next step.`);
  }
  return attempt(() => post(tile.id, "steer", { message }), `Queued for ${tile.name}'s next step.`);
}

export async function memberOptions(first = []) {
  const { members } = await api("GET", "/members");
  return [...first, ...members.map((m) => [m.id, `${m.name} (${m.kind})`])];
}

export async function reassign(tile) {
  const options = await attempt(() => memberOptions());
  if (!options) return;
  const spec = {
    title: `Give ${tile.name} to another member`, about: `${tile.id}:reassign`,
    text: "Its thread and workspace go along; the present driver is stopped first.",
    fields: [
      { name: "to", label: "Member", type: "choice", options },
      { name: "reason", label: "Reason", type: "text", hint: "The new driver reads this." },
    ],
    act: "Reassign",
  };
  await askAndDo(spec, (given) => post(tile.id, "reassign", given), `${tile.name} was reassigned.`);
}

export async function fork(tile) {
  const options = await attempt(() => memberOptions([["", "The same member"]]));
  if (!options) return;
  const spec = {
    title: `Fork ${tile.name}`,
    text: "A new sub-agent that shares the thread and workspace up to a step.",
    fields: [
      { name: "step", label: `Step (0 to ${tile.step})`, type: "line", value: String(tile.step), required: true },
      { name: "member", label: "Driver", type: "choice", options },
    ],
    act: "Fork",
  };
  let step = "";
  const made = await askAndDo(spec, (given) => {
    step = given.step.trim();
    return post(tile.id, "fork", { step: /^\d+$/.test(step) ? Number(step) : step, member: given.member });
  });
  if (made) say({ sentence: `${made.name} goes on from step ${step}.`, kind: "ok" });
  return made;
}

export async function cancel(tile) {
  const answer = await ask({
    title: `End ${tile.name}?`,
    text: "It stops now and cannot go on; its thread stays readable and can be forked.",
    fields: [
      {
        name: "children", label: "Its own sub-agents", type: "choice",
        options: [["end", "End them too"], ["hand_up", "Hand them to its parent"]],
      },
    ],
    act: "End it", kind: "danger",
  });
  if (answer) await attempt(() => post(tile.id, "cancel", answer), `${tile.name} was ended.`);
}

/** The group's own life: start, pause, resume, cancel. */
export async function groupDeed(group, what) {
  if (what === "cancel") {
    const live = group.counts.driving + group.counts.handing_over + group.counts.waiting + group.counts.queued + group.counts.paused;
    const answer = await ask({
      title: `Stop ${group.name}?`,
      text: `All ${live} sub-agents that are not finished end now. Everything on record stays readable.`,
      act: "Stop the group", kind: "danger",
    });
    if (!answer) return;
  }
  const done = { start: "Started.", pause: "Everybody pauses at the next step.", resume: "The group goes on.", cancel: "The group was stopped." };
  await attempt(() => api("POST", `/groups/${group.id}/${what}`), done[what]);
}

/** What a group was made from, under a name, for groups to come. */
export function saveTemplate(group) {
  const spec = {
    title: "Save as a template",
    text: "Goal, rules, members, limits and tools of this group, to make others from. You find it on the new-group page.",
    fields: [{ name: "name", label: "Name", type: "line", value: group.name.slice(0, 120), required: true, missing: "Give it a name." }],
    act: "Save",
  };
  return askAndDo(spec, (given) => api("POST", "/templates", { ...given, group: group.id }), "Saved. It is on the new-group page.");
}

// --- answers to requests ----------------------------------------------------------------------------

const ASKS = {
  arguments: (r) => ({
    title: `Edit the call of ${r.tool}`, act: "Run it so",
    fields: [{ name: "arguments", label: "Arguments", type: "json", value: pretty(r.arguments || "{}"), required: true }],
  }),
  member: async () => ({
    title: "Give it to another member", act: "Reassign",
    fields: [
      { name: "member", label: "Member", type: "choice", options: await memberOptions() },
      { name: "text", label: "Reason", type: "text" },
    ],
  }),
  amount: (r) => ({
    title: "Raise the limit", act: "Raise",
    fields: [{ name: "amount", label: `By how much (${r.tool.replaceAll("_", " ")})`, type: "number", required: true }],
  }),
};

const TEXTS = {
  supply: ["Supply the result", "Result", "The agent gets this as if the tool had answered it.", "Give this result"],
  answer: ["Answer", "Answer", "", "Send"],
  reject: ["Send back", "What must change", "The agent reads this.", "Send back"],
  deny: ["Deny the call", "Reason", "The agent reads this; it may be empty.", "Deny"],
};

/** What to ask before this answer is given; null when it needs nothing. */
async function dialogOf(request, choice) {
  if (ASKS[choice.needs]) return { text: request.title, ...(await ASKS[choice.needs](request)) };
  const words = TEXTS[choice.id];
  if (!choice.needs && choice.id !== "deny") {
    const ends = choice.id === "fail";
    return ends ? { title: `${choice.label}?`, text: request.title, act: choice.label, kind: "danger" } : null;
  }
  const [title, label, hint, act] = words ?? [choice.label, "Words", "", choice.label];
  return {
    title, text: request.title, code: request.tool && choice.id !== "answer" ? argumentLines(request.arguments) : request.detail, act,
    kind: choice.id === "deny" ? "danger" : "primary",
    fields: [{ name: "text", label, type: "text", hint, required: choice.needs === "text" }],
  };
}

const underWay = new Set();

/** Whether this page sends an answer to the request, or has: then its end is no news. */
export const isAnswering = (id) => underWay.has(id);
export const answering = (ids) => ids.forEach((id) => underWay.add(id));
export const notAnswering = (ids) => ids.forEach((id) => underWay.delete(id));

async function give(request, body) {
  underWay.add(request.id); // and stays there when it is taken: the feed tells its end a little later
  try {
    await beforeAnswer(request.id);
    const taken = (await api("POST", `/requests/${request.id}/answer`, body)) ?? true;
    dropClaim(request.id);
    if (body.decision === "take_over") location.href = `/agents/${request.agent}/drive`;
    return taken;
  } catch (error) {
    underWay.delete(request.id);
    notAnswered(request.id);
    if (error.rule === "answered_once") room.tell("settled", request);
    throw error;
  }
}

/** Answers a request by one of its choices. Something true when it was taken, null when not. */
export async function answer(request, choice, given = {}) {
  const ready = Object.keys(given).length > 0 && choice.id !== "approve";
  const dialog = ready ? null : await attempt(async () => (await dialogOf(request, choice)) ?? { none: true });
  if (!ready && dialog === null) return null;
  const send = (fields) => give(request, { decision: choice.id, ...given, ...fields });
  if (ready || dialog.none) return attempt(() => send({}));
  if (!(await claim(request))) return null; // two people do not write the same answer
  const done = await askAndDo({ about: `${request.id}:${choice.id}`, ...dialog }, send);
  if (!done) letGo(request.id);
  return done;
}
