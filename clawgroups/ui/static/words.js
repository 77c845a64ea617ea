// How states look and read. Colour is for what is abnormal; every look also has a word and an icon.

const TURNS = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g; // characters that turn the direction of what follows

/** A name as it can stand in a sentence of ours: nothing in it turns the words around it. Alone it stands in <bdi>. */
export const plain = (name) => String(name ?? "").replace(TURNS, "");

export const LOOKS = {
  gen: { label: "Driving", color: "--ok", icon: "" },
  tool: { label: "In tool", color: "--tool", icon: "" },
  wait: { label: "Waiting", color: "--wait", icon: "" },
  queued: { label: "Queued", color: "--done", icon: "" },
  paused: { label: "Paused", color: "--muted", icon: "‖" },
  att: { label: "Needs you", color: "--attention-mark", icon: "!" },
  hum: { label: "Person drives", color: "--human", icon: "✎" },
  bad: { label: "Failed", color: "--bad", icon: "×" },
  done: { label: "Done", color: "--done", icon: "✓" },
  off: { label: "Cancelled", color: "--done", icon: "–" },
};
export const ORDER = Object.keys(LOOKS);

const ENDS = { done: "done", failed: "bad", cancelled: "off" };
const PLAIN = { queued: "queued", paused: "paused" };
const FOR_PEOPLE = new Set(["approval", "answer", "review", "budget"]);
const WAITS = {
  approval: "for an approval", answer: "for an answer", review: "for a review",
  children: "for its sub-agents", budget: "at a limit",
};

/** What a request is about; the name of who asks stands beside it already. */
export function requestTitle(request) {
  const prefix = `${request.agent_name} `;
  const rest = plain(request.title.startsWith(prefix) ? request.title.slice(prefix.length) : request.title);
  return rest.charAt(0).toUpperCase() + rest.slice(1);
}

/** Which look a tile has; `asked` says whether an open request belongs to it. */
export function lookOf(tile, asked) {
  if (ENDS[tile.state]) return ENDS[tile.state];
  if (asked || (tile.state === "waiting" && FOR_PEOPLE.has(tile.wait))) return "att";
  if (tile.state === "handing_over" || tile.driver?.kind === "person") return "hum";
  if (tile.state === "waiting") return "wait";
  return PLAIN[tile.state] ?? (tile.tool ? "tool" : "gen");
}

/** The state in a few words, for people and screen readers. */
export function stateWords(tile, look) {
  if (tile.state === "handing_over") return "Handing over";
  if (look === "hum") return `${plain(tile.driver.name)} drives`;
  if (look === "tool") return `In tool ${plain(tile.tool)}`;
  const wait = tile.state === "waiting" ? ` ${WAITS[tile.wait] ?? ""}` : "";
  if (look === "att") return `Needs you${wait && `, waiting${wait}`}`;
  return LOOKS[look].label + wait;
}

export const GROUP_STATUS = {
  draft: { label: "Not started", tag: "" },
  running: { label: "Running", tag: "tag-ok" },
  paused: { label: "Paused", tag: "tag-attention" },
  finished: { label: "Finished", tag: "tag-info" },
  cancelled: { label: "Cancelled", tag: "" },
};

export const REQUEST_KINDS = {
  approval: { label: "Approval", tag: "tag-attention", weight: 2 },
  question: { label: "Question", tag: "tag-info", weight: 2 },
  review: { label: "Review", tag: "tag-info", weight: 1 },
  stall: { label: "Stuck", tag: "tag-bad", weight: 2 },
  budget: { label: "Limit", tag: "tag-attention", weight: 3 },
  unknown_fate: { label: "Unclear", tag: "tag-bad", weight: 3 },
  task: { label: "Your task", tag: "tag-human", weight: 1 },
};

/** 5 -> "0:05", 75 -> "1:15", 4000 -> "1:06:40". */
export function clock(seconds) {
  const s = Math.max(0, Math.floor(seconds));
  const parts = [Math.floor(s / 3600), Math.floor((s % 3600) / 60), s % 60];
  const [h, m, sec] = parts;
  const tail = `${h ? String(m).padStart(2, "0") : m}:${String(sec).padStart(2, "0")}`;
  return h ? `${h}:${tail}` : tail;
}

/** "just now", "4 min", "3 h", "2 d". */
export function ago(seconds) {
  if (seconds < 45) return "just now";
  if (seconds < 3600) return `${Math.max(1, Math.round(seconds / 60))} min ago`;
  if (seconds < 86400) return `${Math.round(seconds / 3600)} h ago`;
  return `${Math.round(seconds / 86400)} d ago`;
}

/** 950 -> "950", 184000 -> "184 k", 2500000 -> "2.5 M". */
export function short(number) {
  if (number < 1000) return String(Math.round(number));
  if (number < 10000) return `${(number / 1000).toFixed(1)} k`;
  if (number < 999500) return `${Math.round(number / 1000)} k`;
  return `${(number / 1e6).toFixed(1)} M`;
}

export const whole = (number) => Math.round(number).toLocaleString("en");
export const money = (usd) => `$${usd < 10 ? usd.toFixed(2) : whole(usd)}`;
export const time = (ms) => new Date(ms).toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });
export const timeOfDay = (ms) => new Date(ms).toLocaleTimeString("en-GB");
export const day = (ms) => new Date(ms).toLocaleDateString("en-GB", { day: "numeric", month: "short" });
export function bytes(n) {
  if (n < 1024) return `${n} B`;
  const [size, unit] = n < 1048576 ? [1024, "KiB"] : n < 1073741824 ? [1048576, "MiB"] : [1073741824, "GiB"];
  return `${(n / size).toFixed(1)} ${unit}`;
}
export const plural = (n, one, many = `${one}s`) => `${whole(n)} ${n === 1 ? one : many}`;

const TOO_LONG = /\d{16,}/; // a number that JavaScript would round

/** JSON on lines of its own; what is no object or list, or would not stay exactly what it is, as it came. */
export function pretty(text) {
  const bare = (text || "").trim();
  if (!/^[[{]/.test(bare) || TOO_LONG.test(bare)) return text || "";
  try {
    return JSON.stringify(JSON.parse(bare), null, 2);
  } catch {
    return text;
  }
}

/** What a call is about in one line: its command, path or first words. */
export function argumentGist(text) {
  try {
    const parsed = JSON.parse(text || "{}");
    const value = parsed.command ?? parsed.path ?? Object.values(parsed).find((one) => typeof one === "string");
    return value ? String(value) : Object.keys(parsed).length ? text : "no arguments";
  } catch {
    return text;
  }
}

/** A call's arguments as lines "key: value"; what cannot be parsed is shown as it came. */
export function argumentLines(text) {
  let parsed;
  try {
    parsed = JSON.parse(text || "{}");
  } catch {
    return text;
  }
  if (parsed === null || typeof parsed !== "object" || Array.isArray(parsed)) return text;
  return Object.entries(parsed)
    .map(([key, value]) => `${key}: ${typeof value === "string" ? value : JSON.stringify(value)}`)
    .join("\n");
}
