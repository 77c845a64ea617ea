// The last entries of a thread as short lines: when, who or what, one line of detail.
import { argumentLines } from "/claw/words.js";

const KINDS = {
  task: ["Task given", "--muted"],
  steer: ["Message", "--human"],
  hand_back: ["Handed back", "--human"],
  lapse: ["Goes on after a lease that ran out", "--human"],
  reassign: ["Given to another driver", "--human"],
  late: ["Late words, kept aside", "--dim"],
};
const FATES = { failed: "--bad", denied: "--bad", unknown: "--attention", not_started: "--dim" };

const flat = (text) => (text ?? "").replace(/\s+/g, " ").trim().slice(0, 300);

function lineOf(entry) {
  if (entry.role === "system") return []; // the tab Task has it
  const base = { key: `${entry.seq}`, at: entry.at, step: entry.step };
  if (KINDS[entry.kind]) {
    const [title, color] = KINDS[entry.kind];
    const from = entry.kind === "steer" ? ` from ${entry.by_name}` : "";
    return [{ ...base, title: title + from, text: flat(entry.content), color }];
  }
  if (entry.role === "tool") {
    const bad = FATES[entry.fate];
    const end = bad ? entry.fate.replace("_", " ") : "done";
    return [{ ...base, key: `${entry.seq}-${entry.call_id}`, title: `${entry.name} ${end}`, text: flat(entry.content), color: bad ?? "--tool", mono: true }];
  }
  const person = entry.by_kind === "person";
  const lines = [];
  const words = flat(entry.content || entry.reasoning);
  if (words) lines.push({ ...base, title: person ? entry.by_name : entry.unfinished ? "Interrupted turn" : "Turn", text: words, color: person ? "--human" : "--ok" });
  for (const call of entry.calls)
    lines.push({ ...base, key: `${entry.seq}-${call.id}`, title: `Calls ${call.name}`, text: flat(argumentLines(call.arguments)), color: person ? "--human" : "--tool", mono: true });
  return lines;
}

/** What a sub-agent that is done has answered: its last whole turn. */
export function resultOf(entries) {
  return entries.findLast((entry) => entry.role === "assistant" && !entry.unfinished && entry.kind !== "late")?.content ?? "";
}

/** Entries of the API's transcript as lines, newest first. */
export function stepsOf(entries) {
  return entries.flatMap(lineOf).reverse();
}
