// What a person can do to a sub-agent or a request: asks where needed, calls the API, says what came of it.
import { api } from "/claw/api.js";
import { ask } from "/claw/ask.js";
import { say, sayError } from "/claw/say.js";
import { argumentLines } from "/claw/words.js";

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

const post = (agent, what, body) => api("POST", `/agents/${agent}/${what}`, body);

export async function takeOver(tile) {
  const held = tile.driver?.kind === "person"; // mine: go on there; another's: watch
  if (!held && !(await attempt(() => post(tile.id, "take-over", { mode: "now" })))) return;
  location.href = `/agents/${tile.id}/drive`;
}

export const takeOverAfter = (tile) =>
  attempt(() => post(tile.id, "take-over", { mode: "after_step" }), `${tile.name} is yours after this step.`);
export const withdraw = (tile) => attempt(() => post(tile.id, "take-over/withdraw"), `${tile.name} goes on as before.`);

export function pauseOrResume(tile) {
  if (tile.state === "paused") return attempt(() => post(tile.id, "resume"), `${tile.name} goes on.`);
  return attempt(() => post(tile.id, "pause"), `${tile.name} pauses at its next step.`);
}

export async function steer(tile, message) {
  if (message === undefined) {
    const answer = await ask({
      title: `Steer ${tile.name}`,
      text: "It reads your words at its next step; nothing is interrupted.",
      fields: [{ name: "message", label: "Message", type: "text", required: true, missing: "Write a word or two." }],
      act: "Queue the message",
    });
    if (!answer) return null;
    message = answer.message;
  }
  return attempt(() => post(tile.id, "steer", { message }), `Queued for ${tile.name}'s next step.`);
}

async function memberOptions(first = []) {
  const { members } = await api("GET", "/members");
  return [...first, ...members.map((m) => [m.id, `${m.name} (${m.kind})`])];
}

export async function reassign(tile) {
  const options = await attempt(() => memberOptions());
  if (!options) return;
  const answer = await ask({
    title: `Give ${tile.name} to another member`,
    text: "Its thread and workspace go along; the present driver is stopped first.",
    fields: [
      { name: "to", label: "Member", type: "choice", options },
      { name: "reason", label: "Reason", type: "text", hint: "The new driver reads this." },
    ],
    act: "Reassign",
  });
  if (answer) await attempt(() => post(tile.id, "reassign", answer), `${tile.name} was reassigned.`);
}

export async function fork(tile) {
  const options = await attempt(() => memberOptions([["", "The same member"]]));
  if (!options) return;
  const answer = await ask({
    title: `Fork ${tile.name}`,
    text: "A new sub-agent that shares the thread and workspace up to a step.",
    fields: [
      { name: "step", label: `Step (0 to ${tile.step})`, type: "line", value: String(tile.step), required: true },
      { name: "member", label: "Driver", type: "choice", options },
    ],
    act: "Fork",
  });
  if (!answer) return;
  const made = await attempt(() => post(tile.id, "fork", { step: Number(answer.step) || 0, member: answer.member }));
  if (made) say({ sentence: `${made.name} goes on from step ${answer.step}.`, kind: "ok" });
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
    const live = group.counts.driving + group.counts.waiting + group.counts.queued + group.counts.paused;
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

// --- answers to requests ----------------------------------------------------------------------------

const ASKS = {
  arguments: (r) => ({
    title: `Edit the call of ${r.tool}`, act: "Run it so",
    fields: [{ name: "arguments", label: "Arguments", type: "json", value: pretty(r.arguments), required: true }],
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

function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text || "{}"), null, 2);
  } catch {
    return text;
  }
}

async function asked(request, choice) {
  if (ASKS[choice.needs]) return ask({ text: request.title, ...(await ASKS[choice.needs](request)) });
  const words = TEXTS[choice.id];
  if (!choice.needs && choice.id !== "deny") {
    const ends = choice.id === "fail";
    return ends ? ask({ title: `${choice.label}?`, text: request.title, act: choice.label, kind: "danger" }) : {};
  }
  const [title, label, hint, act] = words ?? [choice.label, "Words", "", choice.label];
  return ask({
    title, text: request.title, code: request.tool && choice.id !== "answer" ? argumentLines(request.arguments) : request.detail, act,
    kind: choice.id === "deny" ? "danger" : "primary",
    fields: [{ name: "text", label, type: "text", hint, required: choice.needs === "text" }],
  });
}

/** Answers a request by one of its choices. True when it was taken, null when not. */
export async function answer(request, choice, given = {}) {
  const fields = Object.keys(given).length && choice.id !== "approve" ? given : await attempt(() => asked(request, choice));
  if (!fields || fields === null) return null;
  const body = { decision: choice.id, ...given, ...(fields === true ? {} : fields) };
  return attempt(() => api("POST", `/requests/${request.id}/answer`, body), "");
}
