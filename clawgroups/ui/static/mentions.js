// Whom the words in a room are for: "@name" anywhere in them, "@conductor" for the one who conducts.
const WORD = /[\p{L}\p{N}_-]/u;
const OPEN = /@([^\s@]*)$/; // what is being typed right before the cursor
const MOST_OFFERED = 8;

/** Whether `name` stands at `at` in `text` as a whole word. */
const standsAt = (text, name, at) => text.startsWith(name, at) && !WORD.test(text[at + name.length] ?? "");

/** `people`: [{id, name}], the longest names first. -> {to: [id], unknown: ["@…"]} */
export function addressed(text, people) {
  const to = new Set();
  const unknown = [];
  for (let at = text.indexOf("@"); at >= 0; at = text.indexOf("@", at + 1)) {
    if (at > 0 && WORD.test(text[at - 1])) continue; // an e-mail address
    const found = people.find(({ name }) => standsAt(text, name, at + 1));
    const word = text.slice(at).match(/^@[^\s@,;:!?]+/)?.[0];
    if (found) to.add(found.id);
    else if (word) unknown.push(word.replace(/\.+$/, ""));
  }
  return { to: [...to], unknown };
}

/** Those whose name fits what is being typed before the cursor; null when nothing is. */
export function offered(text, cursor, people) {
  const open = text.slice(0, cursor).match(OPEN);
  if (!open || (open.index > 0 && WORD.test(text[open.index - 1]))) return null;
  const typed = open[1].toLowerCase();
  const fits = people.filter(({ name }) => name.toLowerCase().includes(typed));
  const rank = ({ name }) => (name.toLowerCase().startsWith(typed) ? 0 : 1);
  fits.sort((a, b) => rank(a) - rank(b) || a.order - b.order);
  return { from: open.index, typed, people: fits.slice(0, MOST_OFFERED) };
}

/** The people of a room from the feed's tiles: who lives, the conductor by both its names. */
export function peopleOf(tiles, root) {
  const people = [];
  for (const tile of tiles) {
    if (["done", "failed", "cancelled"].includes(tile.state)) continue;
    people.push({ id: tile.id, name: tile.name, order: tile.n, about: tile.title ?? "" });
    if (tile.id === root && tile.name !== "conductor") people.push({ id: tile.id, name: "conductor", order: 0, about: tile.title ?? "" });
  }
  return people.sort((a, b) => b.name.length - a.name.length);
}
