// What one does not want to see for a while: per person, in this browser, whatever happens to the page.
import { me } from "/claw/me.js";

const NAME = `claw-snoozed:${me.id}`;
const LEFT = `claw-left:${me.id}`;
const AWAY_MS = 60_000; // shorter than this nobody was away: a reload, a look at another page
const BACK = "back";

/** What can be chosen: [value, words]. */
export const SNOOZES = [["5", "5 minutes"], ["30", "30 minutes"], [BACK, "Until I come back"]];

const hearers = new Set();
let timer = 0;

function read() {
  try {
    return JSON.parse(localStorage.getItem(NAME)) ?? {};
  } catch {
    return {};
  }
}

function write(kept) {
  localStorage.setItem(NAME, JSON.stringify(kept));
  tell();
}

/** Drops what is over, tells everybody, and waits for the next one that wakes. */
function tell() {
  const kept = read();
  const now = Date.now();
  const left = Object.fromEntries(Object.entries(kept).filter(([, until]) => until === BACK || until > now));
  if (Object.keys(left).length < Object.keys(kept).length) localStorage.setItem(NAME, JSON.stringify(left));
  clearTimeout(timer);
  const times = Object.values(left).filter((until) => until !== BACK);
  if (times.length) timer = setTimeout(tell, Math.min(...times) - now + 5);
  for (const hearer of [...hearers]) hearer(left);
}

/** Hears what is snoozed, {id: until in ms, or "back"}, now and whenever it changes; returns the way to stop. */
export function onSnoozed(hearer) {
  hearers.add(hearer);
  tell();
  return () => hearers.delete(hearer);
}

export function snooze(ids, choice) {
  const until = choice === BACK ? BACK : Date.now() + Number(choice) * 60_000;
  write({ ...read(), ...Object.fromEntries(ids.map((id) => [id, until])) });
}

export function wake(ids) {
  write(Object.fromEntries(Object.entries(read()).filter(([id]) => !ids.includes(id))));
}

/** Those of a group that are not open any more need no sleep. */
export function forgetSnoozed(groupId, open) {
  const gone = Object.keys(read()).filter((id) => id.slice(0, id.lastIndexOf("-")) === groupId && !open.has(id));
  if (gone.length) wake(gone);
}

function came() {
  const left = Number(localStorage.getItem(LEFT)) || 0;
  localStorage.removeItem(LEFT);
  if (left && Date.now() - left >= AWAY_MS) write(Object.fromEntries(Object.entries(read()).filter(([, until]) => until !== BACK)));
  else tell();
}

const went = () => localStorage.setItem(LEFT, String(Date.now()));
document.addEventListener("visibilitychange", () => (document.hidden ? went() : came()));
addEventListener("pagehide", () => document.hidden || went()); // a tab behind the one in which somebody sits tells nothing
addEventListener("pageshow", came);
addEventListener("storage", (event) => event.key === NAME && tell());
