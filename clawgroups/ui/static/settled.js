// Who settled a request, and how, in a sentence: for those who were about to answer it themselves.
import { api } from "/claw/api.js";
import { ME } from "/claw/room.js";
import { plain } from "/claw/words.js";

const MOST = 200; // characters of the other answer

async function nameOf(member) {
  const { members } = await api("GET", "/members");
  return members.find((one) => one.id === member)?.name ?? member;
}

/**
 * `request`: as it was while it was open. `written`: words for it that are still here; empty comes back when they are the
 * very answer. Where the server cannot be asked, the sentence says only what is certain.
 */
export async function settledWords(request, written = "") {
  try {
    const { requests } = await api("GET", `/requests?group=${encodeURIComponent(request.group)}&state=closed`);
    const found = requests.find((one) => one.id === request.id);
    if (!found) return "This was settled meanwhile.";
    if (found.state === "withdrawn") return "This is not asked any more: what asked has gone on.";
    if (found.by === ME && written && found.text.trim() === written.trim()) return "";
    const who = found.by === ME ? "You settled this in another window" : `${plain(await nameOf(found.by))} settled this`;
    const choice = found.choices.find((one) => one.id === found.decision)?.label ?? found.decision;
    const text = plain(found.text);
    const words = text.length > MOST ? `${text.slice(0, MOST)}…` : text;
    return `${who}: ${choice}${words ? ` – “${words}”` : "."}`;
  } catch {
    return "This was settled meanwhile; who did it could not be read.";
  }
}
