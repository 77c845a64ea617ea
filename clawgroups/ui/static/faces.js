// People as small round faces: initials on a colour of their own, with the whole name for pointer and screen reader.
import { me } from "/claw/me.js";
import { plain } from "/claw/words.js";

const MOST = 5;

function initials(name) {
  const words = name.trim().split(/\s+/).filter(Boolean);
  const letters = words.length > 1 ? [words[0], words.at(-1)] : words;
  return letters.map((word) => [...word][0]).join("").toUpperCase() || "?";
}

function hue(id) {
  let sum = 7;
  for (const letter of id) sum = (sum * 31 + letter.codePointAt(0)) % 360;
  return sum;
}

export const faceOf = (person) => ({ id: person.id, name: plain(person.name), initials: initials(plain(person.name)), hue: hue(person.id) });

/** Other people who watch; with `agent` those who have that sub-agent open. {shown: [face], more, words}. */
export function others(people, agent = "") {
  const there = people.filter((one) => one.id !== me.id && (!agent || one.agents.includes(agent)));
  const names = there.map((one) => plain(one.name));
  const words = names.length ? `${names.slice(0, 8).join(", ")}${names.length > 8 ? ` and ${names.length - 8} more` : ""} ${names.length > 1 ? "watch" : "watches"} too` : "";
  return { shown: there.slice(0, MOST).map(faceOf), more: Math.max(0, there.length - MOST), words };
}
