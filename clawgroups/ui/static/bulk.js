// One deed for many sub-agents: says how many it touches, does it a few at a time, shows how far it is, and what was refused.
import { api } from "/claw/api.js";
import { ask } from "/claw/ask.js";
import { keep } from "/claw/kept.js";
import { whyNot } from "/claw/me.js";
import { make } from "/claw/rows.js";
import { ENDED } from "/claw/roster.js";
import { say, sayError } from "/claw/say.js";
import { plain, plural } from "/claw/words.js";

const AT_ONCE = 6;
const NAMED = 4; // sub-agents named in a question

const NEEDS = { pause: "PauseAgent", resume: "ResumeAgent", steer: "SteerAgent", reassign: "Reassign", cancel: "CancelAgent" };

/** Why this person may not do it to anybody; empty when they may. */
export const whyNotMany = (what) => whyNot(NEEDS[what]);

const live = (tile) => !ENDED.has(tile.state);
const still = (tile) => tile.state === "paused" || Boolean(tile.pausing);
const byPerson = (tile) => tile.driver?.kind === "person" || tile.state === "handing_over";

export const DEEDS = {
  pause: {
    label: "Pause", doing: "Pausing", done: "will pause at their next step", undo: "resume",
    can: (tile) => live(tile) && !still(tile) && !byPerson(tile) && !(tile.state === "waiting" && tile.wait === "review"),
    text: "Each stops at its next step boundary; nothing is interrupted.", rest: "have ended, stand still or are driven by a person",
  },
  resume: {
    label: "Resume", doing: "Resuming", done: "resumed", undo: "pause", can: (tile) => live(tile) && still(tile),
    text: "Each goes on where it stopped.", rest: "are not paused",
  },
  steer: {
    label: "Steer", doing: "Sending to", done: "told", can: live,
    text: "Each reads your words at its next step; nothing is interrupted.", rest: "have ended",
    fields: async () => [{ name: "message", label: "Message", type: "text", required: true, missing: "Write a word or two." }],
  },
  reassign: {
    label: "Reassign", doing: "Reassigning", done: "reassigned", can: live,
    text: "Threads and workspaces go along; the present drivers are stopped first.", rest: "have ended",
    fields: async () => [
      { name: "to", label: "Member", type: "choice", options: await members() },
      { name: "reason", label: "Reason", type: "text", hint: "The new driver reads this." },
    ],
  },
  cancel: {
    label: "End", doing: "Ending", done: "ended", kind: "danger", can: live,
    text: "They stop now and cannot go on, and neither can those below them. Their threads stay readable.", rest: "have ended already",
  },
};

async function members() {
  const { members: all } = await api("GET", "/members");
  return all.map((one) => [one.id, `${one.name} (${one.kind})`]);
}

/** The tiles among `ids` for which `what` makes sense now. */
export function touchedBy(what, roster, ids) {
  const all = what === "cancel" ? new Set(ids.flatMap((id) => roster.under(id))) : new Set(ids);
  return [...all].map((id) => roster.of.get(id)?.tile).filter((tile) => tile && DEEDS[what].can(tile));
}

/** Those to be ended by a call of their own: all others end with one of these. */
function tops(roster, tiles) {
  const ids = new Set(tiles.map((tile) => tile.id));
  const covered = (tile) => {
    for (let up = tile.parent; up; up = roster.of.get(up)?.tile.parent) if (ids.has(up)) return true;
    return false;
  };
  return tiles.filter((tile) => !covered(tile));
}

function namesOf(tiles) {
  const names = tiles.slice(0, NAMED).map((tile) => plain(tile.name)).join(", ");
  return tiles.length > NAMED ? `${names} and ${tiles.length - NAMED} more` : names;
}

/** Asks and does it. `ids` are the sub-agents meant, `groupId` keeps half-written words apart. Gives what was done, or null. */
export async function bulk(what, roster, ids, groupId) {
  const deed = DEEDS[what];
  const touched = touchedBy(what, roster, ids);
  const left = ids.length - ids.filter((id) => touched.some((tile) => tile.id === id)).length;
  if (!touched.length) {
    say({ sentence: `${deed.label}: there is nobody it could touch.`, hint: `All ${ids.length} ${deed.rest}.` });
    return null;
  }
  let fields;
  try {
    fields = (await deed.fields?.()) ?? [];
  } catch (error) {
    sayError(error);
    return null;
  }
  const given = await ask({
    title: `${deed.label} ${plural(touched.length, "sub-agent")}?`,
    text: `${namesOf(touched)}. ${deed.text}${left ? ` ${plural(left, "other")} stay as they are: they ${deed.rest}.` : ""}`,
    fields, act: `${deed.label} ${touched.length}`, kind: deed.kind ?? "primary", about: `${groupId}-${what}:many`,
  });
  return given ? run(what, roster, touched, given, groupId) : null;
}

async function run(what, roster, touched, given, groupId) {
  const calls = what === "cancel" ? tops(roster, touched) : touched;
  const body = what === "cancel" ? { children: "end" } : ["pause", "resume"].includes(what) ? undefined : given;
  const panel = new Panel(DEEDS[what], calls.length);
  const done = [];
  const refused = [];
  const waiting = [...calls];
  const work = async () => {
    while (waiting.length && !panel.stopped) {
      const tile = waiting.shift();
      try {
        await api("POST", `/agents/${tile.id}/${what}`, body);
        done.push(tile);
      } catch (error) {
        refused.push({ tile, error });
      }
      panel.move(done.length + refused.length);
    }
  };
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, calls.length) }, work));
  if ((refused.length || waiting.length) && given.message) keep(`${groupId}-${what}:many:message`, given.message); // not lost
  const undo = DEEDS[what].undo;
  const back = undo && done.length ? () => run(undo, roster, done.map((tile) => roster.of.get(tile.id)?.tile ?? tile), {}, groupId) : null;
  panel.end({ done: what === "cancel" ? touched.length - refused.length : done.length, refused, left: waiting.length, back });
  return { done, refused };
}

/** How far it is, in the corner; afterwards what came of it. One at a time. */
export class Panel {
  constructor(deed, total) {
    Object.assign(this, { deed, total, stopped: false });
    document.querySelector(".bulk")?.remove();
    this.box = make("section", "bulk", document.body);
    this.box.setAttribute("aria-label", `${deed.label}, many at once`);
    this.words = make("p", "bulk-words", this.box);
    this.words.setAttribute("role", "status");
    this.bar = make("progress", "bulk-bar", this.box);
    this.bar.max = total;
    this.bar.setAttribute("aria-label", "Progress");
    this.acts = make("div", "bulk-acts", this.box);
    this.button("Stop here", () => (this.stopped = true));
    this.move(0);
  }

  button(label, act) {
    const made = make("button", "btn btn-small", this.acts);
    Object.assign(made, { type: "button", textContent: label });
    made.addEventListener("click", act);
  }

  move(count) {
    this.bar.value = count;
    this.words.textContent = `${this.deed.doing} ${count} of ${this.total}…`;
  }

  end({ done, refused, left, back }) {
    this.bar.remove();
    this.acts.replaceChildren();
    const parts = [`${plural(done, this.deed.noun ?? "sub-agent")} ${this.deed.done}`];
    if (refused.length) parts.push(`${refused.length} refused`);
    if (left) parts.push(`${left} left as they were`);
    this.words.textContent = `${parts.join(", ")}.`;
    this.box.classList.toggle("bulk-bad", refused.length > 0);
    if (refused.length) this.list(refused);
    if (back) this.button("Undo", back);
    this.button("Dismiss", () => this.box.remove());
    if (!refused.length && !back) setTimeout(() => this.box.remove(), 8000);
  }

  list(refused) {
    const reasons = new Map();
    for (const { tile, error } of refused.sort((a, b) => a.tile.n - b.tile.n)) {
      const told = [error.message, error.hint].filter(Boolean).join(" ").replaceAll(tile.name, "it"); // the same for many
      const reason = plain(told.replace(/^it\b/, "It"));
      reasons.set(reason, [...(reasons.get(reason) ?? []), tile]);
    }
    const list = make("ul", "bulk-refused");
    for (const [reason, tiles] of reasons) make("li", "", list).textContent = `${namesOf(tiles)}: ${reason}`;
    this.words.after(list);
  }
}
