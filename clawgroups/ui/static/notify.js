// Tells of new urgent requests while nobody looks at this page: a notification of the system, and a sound if wanted.
// Both are off until somebody turns them on (the settings page); the permission is asked for there, on a click.
import { api } from "/claw/api.js";
import { REQUEST_KINDS, plain, requestTitle } from "/claw/words.js";

const WANTED = "claw-notify";
const CANNOT = "claw-notify-cannot"; // the browser that has the constructor, and throws when it is used (Android)
const SOUND = "claw-sound";
const TOLD = "claw-told"; // ids that this browser has told of, so that two tabs do not tell twice
const EVERY_MS = 4000;
const MOST_TOLD = 200;
const TOP = Math.max(...Object.values(REQUEST_KINDS).map((kind) => kind.weight));

/** The kinds that are told of. */
export const URGENT = Object.keys(REQUEST_KINDS).filter((kind) => REQUEST_KINDS[kind].weight === TOP);

const cannot = () => localStorage.getItem(CANNOT) === navigator.userAgent;

/** off, on, denied (by the browser), or none: this page cannot (no such thing here, or not over https). */
export function notifyState() {
  if (!("Notification" in window) || !window.isSecureContext) return "none";
  if (cannot()) return "none";
  if (Notification.permission === "denied") return "denied";
  return localStorage.getItem(WANTED) === "on" && Notification.permission === "granted" ? "on" : "off";
}

/** Turns it on or off; on asks for the permission, so it must come from a click. */
export async function setNotify(on) {
  putHintAway(); // it is known now
  if (on && (await Notification.requestPermission()) === "granted") localStorage.setItem(WANTED, "on");
  else localStorage.removeItem(WANTED);
  return notifyState();
}

const HINT = "claw-notify-hint";

/** Whether the offer of notifications is still to be made, once: not where it was answered, nor where none can be had. */
export const hintWanted = () => notifyState() === "off" && !localStorage.getItem(HINT);

export const putHintAway = () => localStorage.setItem(HINT, "seen");

export const soundOn = () => localStorage.getItem(SOUND) === "on";

export function setSound(on) {
  if (on) localStorage.setItem(SOUND, "on");
  else localStorage.removeItem(SOUND);
}

/** Two short tones. A page on which nobody has clicked yet may not sound; that is the browser's rule. */
export async function sound() {
  const context = new AudioContext();
  try {
    if (context.state === "suspended") await Promise.race([context.resume(), new Promise((go) => setTimeout(go, 300))]);
    if (context.state !== "running") return false;
    const begin = context.currentTime;
    for (const [number, tone] of [660, 880].entries()) {
      const from = begin + number * 0.16;
      const source = new OscillatorNode(context, { frequency: tone });
      const volume = new GainNode(context, { gain: 0 });
      volume.gain.setValueAtTime(0, from);
      volume.gain.linearRampToValueAtTime(0.12, from + 0.02);
      volume.gain.exponentialRampToValueAtTime(0.001, from + 0.15);
      source.connect(volume).connect(context.destination);
      source.start(from);
      source.stop(from + 0.16);
    }
    await new Promise((go) => setTimeout(go, 450));
    return true;
  } finally {
    await context.close();
  }
}

function told() {
  try {
    const found = JSON.parse(localStorage.getItem(TOLD) ?? "[]");
    return Array.isArray(found) ? found : [];
  } catch {
    return []; // not ours, or half written: at worst something is told twice
  }
}

function tell(request) {
  const before = told();
  if (before.includes(request.id)) return;
  localStorage.setItem(TOLD, JSON.stringify([...before, request.id].slice(-MOST_TOLD)));
  if (notifyState() === "on") show(request);
  if (soundOn()) sound().catch((error) => console.warn("no sound:", error));
}

function show(request) {
  const kind = REQUEST_KINDS[request.kind].label;
  let shown;
  try {
    shown = new Notification(`${plain(request.agent_name)} needs you`, {
      body: `${kind}: ${requestTitle(request)}`, tag: request.id, icon: "/claw/icon.svg", silent: true,
    });
  } catch (error) {
    localStorage.setItem(CANNOT, navigator.userAgent); // a later version of it is asked again
    return console.warn("no notification:", error);
  }
  shown.onclick = () => {
    shown.close();
    window.focus();
    location.assign(`/groups/${encodeURIComponent(request.group)}?agent=${encodeURIComponent(request.agent)}`);
  };
}

/** Whether it was turned on here, and there is a way to tell. */
const tells = () => notifyState() === "on" || (localStorage.getItem(WANTED) === "on" && cannot() && soundOn());

class Watch {
  constructor() {
    this.known = null; // what was open when the page was left; null: not read yet
    document.addEventListener("visibilitychange", () => this.turn());
    this.turn();
  }

  turn() {
    clearTimeout(this.timer);
    this.known = null;
    if (document.hidden) this.look();
  }

  async look() {
    if (!document.hidden) return;
    clearTimeout(this.timer);
    if (tells()) await this.read();
    else this.known = null;
    clearTimeout(this.timer);
    if (document.hidden) this.timer = setTimeout(() => this.look(), EVERY_MS);
  }

  async read() {
    let open;
    try {
      open = (await api("GET", "/requests")).requests;
    } catch {
      return; // the server is away, or nobody is signed in any more; that is told elsewhere
    }
    if (!document.hidden) return;
    const before = this.known;
    this.known = new Set(open.map((request) => request.id));
    if (!before) return;
    for (const request of open) if (!before.has(request.id) && REQUEST_KINDS[request.kind]?.weight === TOP) tell(request);
  }
}

new Watch();
