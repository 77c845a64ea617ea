// What can be found and done from the command palette on this page: {key, section, label, hint, words, off, href | run}.
import { api } from "/claw/api.js";
import * as deeds from "/claw/deeds.js";
import { feedOf } from "/claw/feed.js";
import { help } from "/claw/keys.js";
import { leave, me, whyNot } from "/claw/me.js";
import { room } from "/claw/room.js";
import { setTheme } from "/claw/theme.js";
import { VIEWS, views } from "/claw/views.js";
import { GROUP_STATUS, LOOKS, lookOf, plain, stateWords } from "/claw/words.js";

const ENDED = { done: "It has finished.", failed: "It has failed.", cancelled: "It was cancelled." };
const PAGES = [
  ["Groups", "/", "home all"], ["New group", "/new", "make create start"], ["Members", "/members", "models programs"],
  ["History", "/history", "runs past"], ["Backend", "/backend", "model server sglang engine gpu kimi"], ["Settings", "/settings", "theme notifications webhook sound"],
  ["People and tokens", "/people", "accounts roles invite"], ["API", "/api/v1/docs", "rest openapi"],
];

const groupOf = (agent) => agent.slice(0, agent.lastIndexOf("-"));

/** Where this page is: the group it shows, and the sub-agent that is chosen on it. */
function place() {
  const [, group] = location.pathname.match(/^\/groups\/([^/]+)/) ?? [];
  const [, driven] = location.pathname.match(/^\/agents\/([^/]+)\/drive/) ?? [];
  const id = group ? decodeURIComponent(group) : driven ? groupOf(decodeURIComponent(driven)) : "";
  return { group: id, driven: driven ? decodeURIComponent(driven) : "", feed: id ? feedOf(id) : null };
}

function pageItems() {
  return PAGES.filter(([, href]) => href !== location.pathname).map(([label, href, words]) => ({
    key: `page:${href}`, section: "Go to", label, words, href,
    off: href === "/new" ? whyNot("CreateGroup") : "",
  }));
}

const groupItems = (groups, { group: here, driven }) => groups.filter(({ id }) => driven || id !== here).map((group) => ({
  key: `group:${group.id}`, section: "Groups", label: group.name, hint: GROUP_STATUS[group.status]?.label, href: `/groups/${encodeURIComponent(group.id)}`, words: "group",
}));

function agentItems({ group, driven, feed }) {
  if (!feed?.state.group) return [];
  const asked = new Set([...feed.state.requests.values()].map((request) => request.agent));
  const rank = (tile) => (asked.has(tile.id) ? 0 : ENDED[tile.state] ? 2 : 1);
  return [...feed.state.tiles.values()].sort((a, b) => rank(a) - rank(b) || a.n - b.n).map((tile) => {
    const look = lookOf(tile, asked.has(tile.id));
    const href = `/groups/${encodeURIComponent(group)}?agent=${encodeURIComponent(tile.id)}`;
    const here = { run: () => (room.select(tile.id), room.tell("enter")) };
    return {
      key: `agent:${tile.id}`, section: "Sub-agents", label: tile.name, hint: [stateWords(tile, look), tile.title].filter(Boolean).join(" · "), words: `${tile.title ?? ""} ${LOOKS[look].label}`,
      href, ...(driven ? {} : here),
    };
  });
}

function viewItems({ driven, group }) {
  if (!group || driven) return [];
  return VIEWS.filter(([key]) => key !== views.view).map(([key, label]) => ({
    key: `view:${key}`, section: "Views", label, hint: "view", words: "view show", run: () => views.choose(key),
  }));
}

/** The deeds of the take-over screen are its own buttons. */
function wheelItems(tile) {
  const button = (act) => document.querySelector(`.wheel [data-act="${act}"]`);
  const rows = [["now", `Take over ${tile.name}`, "T"], ["give", `Hand ${tile.name} back…`, "H"], ["pause", `Pause ${tile.name}`, "P"], ["resume", `Resume ${tile.name}`, "P"]];
  return rows.filter(([act]) => button(act)).map(([act, label, kbd]) => ({
    key: `deed:${act}`, section: "Do", label, kbd, off: button(act).disabled ? button(act).title || "Not now." : "", run: () => button(act)?.click(),
  }));
}

function tileItems(tile) {
  const ended = ENDED[tile.state] ?? "";
  const person = tile.driver?.kind === "person";
  const mine = person && tile.driver.id === me.id;
  const taken = mine ? `Go on driving ${tile.name}` : person ? `Watch ${tile.driver.name} drive ${tile.name}` : `Take over ${tile.name}`;
  const paused = tile.state === "paused";
  const row = (key, label, what, kbd, run, off = "") => ({ key: `deed:${key}`, section: "Do", label, kbd, run, off: ended || whyNot(what) || off });
  return [
    row("now", taken, person && !mine ? "" : "TakeOver", "T", () => deeds.takeOver(tile)),
    row("give", `Hand ${tile.name} back…`, "HandBack", "H", () => deeds.handBack(tile), mine ? "" : "You do not hold its wheel."),
    row(paused ? "resume" : "pause", `${paused ? "Resume" : "Pause"} ${tile.name}`, paused ? "ResumeAgent" : "PauseAgent", "P", () => deeds.pauseOrResume(tile)),
    row("steer", `Steer ${tile.name}…`, "SteerAgent", "S", () => deeds.steer(tile)),
    row("cancel", `End ${tile.name}…`, "CancelAgent", "", () => deeds.cancel(tile)),
  ];
}

function endItem(tile) {
  return { key: "deed:cancel", section: "Do", label: `End ${tile.name}…`, off: ENDED[tile.state] ?? whyNot("CancelAgent"), run: () => deeds.cancel(tile) };
}

/** What could be done if somebody were selected: found by its words, and with the reason why not. */
function nobodyItems() {
  const rows = [["now", "Take over a sub-agent", "T"], ["pause", "Pause a sub-agent", "P"], ["steer", "Steer a sub-agent…", "S"], ["give", "Hand a sub-agent back…", "H"]];
  return rows.map(([act, label, kbd]) => ({
    key: `nobody:${act}`, section: "Do", label, kbd, byWords: true, off: "Select a sub-agent first: press J, choose it on the wall, or type its name here.", run: () => {},
  }));
}

function deedItems({ driven, feed }) {
  const tile = feed?.state.tiles.get(driven || room.selected);
  if (!tile) return feed?.state.group && !driven ? nobodyItems() : [];
  return driven ? [...wheelItems(tile), endItem(tile)] : tileItems(tile);
}

const GROUP_DEEDS = {
  draft: [["start", "Start the group", "StartGroup"]],
  running: [["pause", "Pause the whole group", "PauseGroup"], ["cancel", "Stop the whole group…", "CancelGroup"]],
  paused: [["resume", "Resume the whole group", "ResumeGroup"], ["cancel", "Stop the whole group…", "CancelGroup"]],
};

function groupDeedItems({ feed }) {
  const group = feed?.state.group;
  const found = (GROUP_DEEDS[group?.status] ?? []).map(([what, label, kind]) => ({
    key: `group-deed:${what}`, section: "Do", label, words: group.name, off: whyNot(kind), run: () => deeds.groupDeed(group, what),
  }));
  if (group) found.push({ key: "group-deed:template", section: "Do", label: "Save this group as a template…", words: group.name, off: whyNot("CreateGroup"), run: () => deeds.saveTemplate(group) });
  return found;
}

function browserItems() {
  const themes = [["dark", "Dark theme"], ["light", "Light theme"], ["system", "Theme as the system has it"]];
  const items = themes.map(([choice, label]) => ({ key: `theme:${choice}`, section: "This browser", label, words: "switch colours mode", run: () => setTheme(choice) }));
  items.push({ key: "help", section: "This browser", label: "Keyboard shortcuts", kbd: "?", words: "help keys", run: help });
  if (!me.open) items.push({ key: "sign-out", section: "This browser", label: "Sign out", words: "leave log out", run: () => leave(() => api("POST", "/sign-out")) });
  return items;
}

/** Everything there is here, in the order in which it is shown to whoever has typed nothing. */
export function everything(groups) {
  const here = place();
  const all = [
    ...deedItems(here), ...groupDeedItems(here), ...viewItems(here), ...agentItems(here), ...pageItems(), ...groupItems(groups, here), ...browserItems(),
  ];
  return all.map((item) => ({ words: "", off: "", kbd: "", ...item, label: plain(item.label), hint: plain(item.hint) }));
}

/** What searches the history for these words. */
export const searchItem = (words) => ({
  key: "search", section: "History", label: `Search the history for “${words}”`, hint: "", words: "", off: "", kbd: "",
  href: `/history?${new URLSearchParams({ q: words })}`,
});

/** Hears when something of this page's group changes; returns the way to stop. */
export function watchPlace(hearer) {
  return place().feed?.subscribe((message) => ["snapshot", "batch"].includes(message.type) && hearer()) ?? (() => {});
}
