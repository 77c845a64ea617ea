// Words that are not sent yet. They stay in this browser until they are, whatever happens to the page or the server.
const name = (key) => `claw-kept:${key}`;

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
