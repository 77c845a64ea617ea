// The rows of the timeline: the conductor first, then by role in the order of launch, children below their parent.
import { room } from "/claw/room.js";
import { make } from "/claw/rows.js";

/** `closed` holds the keys of roles that are folded away. What the filter leaves out has no row. */
export function laneRows(roster, closed) {
  const items = [];
  const walk = (parent, level) => {
    const groups = new Map();
    for (const id of roster.children(parent)) {
      const role = parent ? roster.of.get(id).tile.role || "sub-agents" : "";
      if (!groups.has(role)) groups.set(role, []);
      groups.get(role).push(id);
    }
    for (const [role, ids] of groups) {
      const key = `${parent}/${role}`;
      const begin = items.length;
      const open = !closed.has(key);
      if (role) items.push({ key, role, level, count: ids.length, open });
      const first = items.length;
      if (open)
        for (const id of ids) {
          if (roster.fits(id)) items.push({ key: id, level: role ? level + 1 : level });
          walk(id, level + 1);
        }
      const empty = open ? items.length === first : !ids.some((id) => roster.fits(id));
      if (role && empty) items.length = begin;
    }
  };
  walk("", 1);
  return items;
}

export function laneHead() {
  const head = make("div", "tl-head");
  head.setAttribute("role", "treeitem");
  const twist = make("span", "tl-twist", head);
  const dot = make("i", "dot", head);
  const name = make("span", "tl-name cut", head);
  const more = make("span", "tl-more num", head);
  head.parts = { twist, dot, name, more };
  for (const child of head.children) child.setAttribute("aria-hidden", "true");
  return head;
}

/** Puts the card beside the pointer. */
export function placeTip(tip, event) {
  if (!tip) return;
  const { width, height } = tip.getBoundingClientRect();
  tip.style.left = `${Math.max(8, Math.min(event.clientX + 14, innerWidth - width - 8))}px`;
  tip.style.top = `${event.clientY + 18 + height > innerHeight ? event.clientY - height - 10 : event.clientY + 18}px`;
}

/** Selects a sub-agent; its thread, when it is shown, begins at the step whose event is `seq`. */
export function chooseStep(id, seq) {
  const again = id === room.selected;
  room.select(id);
  if (!seq) return;
  const url = new URL(location.href);
  url.searchParams.set("at", seq);
  history.replaceState(history.state, "", url);
  const lines = again ? [...document.querySelectorAll(".drawer [data-seq]")] : [];
  lines.findLast((line) => Number(line.dataset.seq) <= seq)?.scrollIntoView({ block: "start" });
}
