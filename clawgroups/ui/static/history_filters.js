// What is asked for, as it stands in the page's address: shareable, and the browser's back and forward go through it.
export const EMPTY = { q: "", state: [], member: "", person: "", did: "", tool: "", from: "", to: "", cost_from: "", cost_to: "" };
const DAY = /^\d{4}-\d{2}-\d{2}$/;

export function fromAddress(search = location.search) {
  const given = new URLSearchParams(search);
  const asked = { ...EMPTY, state: given.getAll("state") };
  for (const key of Object.keys(EMPTY)) if (key !== "state") asked[key] = given.get(key) ?? "";
  for (const key of ["from", "to"]) if (!DAY.test(asked[key])) asked[key] = "";
  for (const key of ["cost_from", "cost_to"]) if (asked[key] === "" || !(Number(asked[key]) >= 0)) asked[key] = "";
  return asked;
}

function pairs(asked) {
  const made = new URLSearchParams();
  for (const key of Object.keys(EMPTY)) {
    if (key === "state") for (const one of asked.state) made.append("state", one);
    else if (String(asked[key]).trim()) made.set(key, String(asked[key]));
  }
  return made;
}

export function addressOf(asked) {
  const query = pairs(asked).toString();
  return location.pathname + (query ? `?${query}` : "");
}

/** The same as the API's parameters: days become moments in the viewer's own zone. */
export function queryOf(asked) {
  const made = pairs(asked);
  const moment = (day, days) => {
    const date = new Date(`${day}T00:00`);
    date.setDate(date.getDate() + days);
    return date.getTime();
  };
  made.delete("from");
  made.delete("to");
  if (!asked.person) made.delete("did");
  if (asked.from) made.set("after", moment(asked.from, 0));
  if (asked.to) made.set("before", moment(asked.to, 1));
  return made;
}

/** How many filters are set, the words left aside. */
export const count = (asked) => [...pairs({ ...asked, q: "", did: "" }).keys()].length;
