// What is written on this page and not sent yet, by part: turn, tool, arguments, note. Told to those who watch; see
// components/unsent.
const words = { turn: "", tool: "", arguments: "", note: "" };
const hearers = new Set();

/** The fields of the page say here what stands in them. */
export function setUnsent(change) {
  Object.assign(words, change);
  for (const hearer of hearers) hearer();
}

export const unsentWords = () => ({ ...words });

/** Hears that something was written; returns the way to stop. */
export function onUnsent(hearer) {
  hearers.add(hearer);
  return () => hearers.delete(hearer);
}
