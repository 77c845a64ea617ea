// Words that are not sent yet. They stay in this browser until they are, whatever happens to the page or the server.
// Others may sit at the same browser: each finds their own words, and nobody else's.
import { me } from "/claw/me.js";

/** Under which name this browser keeps something of the person who sits at it. */
export const ours = (what, key) => `claw-${what}:${me.id}:${key}`;

const name = (key) => ours("kept", key);

export const kept = (key) => (key && localStorage.getItem(name(key))) || "";

export function keep(key, words) {
  if (key && words.trim()) localStorage.setItem(name(key), words);
  else if (key) localStorage.removeItem(name(key));
}

/** The rest of every key that begins so and under which words are kept. */
export function keptUnder(start) {
  const whole = name(start);
  return Object.keys(localStorage).filter((key) => key.startsWith(whole)).map((key) => key.slice(whole.length));
}

export const forget = (key) => keep(key, "");
