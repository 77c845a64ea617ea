// Finds what somebody means by a few letters. Every word of the query must be in the text, whole or letter by letter.
const WORD = /[\p{L}\p{N}]/u;
const fold = (letter) => (letter.normalize("NFD")[0] ?? letter).toLowerCase();
const letters = (text) => [...text].map(fold);

const begins = (text, at) => at === 0 || (WORD.test(text[at]) && !WORD.test(text[at - 1]));

/** The word as it stands, at the beginning of a word if it can be. */
function whole(word, text) {
  let found = null;
  for (let at = 0; at + word.length <= text.length; at++) {
    if (!word.every((letter, i) => text[at + i] === letter)) continue;
    const points = (begins(text, at) ? 100 : 60) + (at === 0 ? 20 : 0) - Math.min(at, 30) / 3;
    if (!found || points > found.points) found = { points, at: word.map((_, i) => at + i) };
  }
  return found;
}

/** Letter by letter from one place on: each next one as near as it can be, the first letters of words before others. */
function scattered(word, text, from) {
  const at = [from];
  let points = begins(text, from) ? 30 : 4;
  for (let i = 1; i < word.length; i++) {
    const last = at[i - 1];
    let next = text[last + 1] === word[i] ? last + 1 : -1;
    if (next < 0) next = text.findIndex((letter, place) => place > last && letter === word[i] && begins(text, place));
    if (next < 0) next = text.indexOf(word[i], last + 1);
    if (next < 0) return null;
    points += next === last + 1 ? 8 : begins(text, next) ? 10 : 1 - Math.min(next - last, 20) / 4;
    at.push(next);
  }
  return { points, at };
}

function find(word, text, strict) {
  const found = whole(word, text);
  if (found || strict || word.length < 2) return found;
  let best = null;
  for (let from = text.indexOf(word[0]); from >= 0; from = text.indexOf(word[0], from + 1)) {
    const one = scattered(word, text, from);
    if (one && one.points > 0 && (!best || one.points > best.points)) best = one;
  }
  return best;
}

/**
 * How well `text` fits: {points, at: places of the letters}, or null. More points are better; an empty query fits all.
 * `strict`: words must stand in it as they were typed.
 */
export function match(query, text, strict = false) {
  const words = query.trim().split(/\s+/).filter(Boolean);
  const folded = letters(text);
  const at = new Set();
  let points = -folded.length / 10;
  for (const word of words) {
    const found = find(letters(word), folded, strict);
    if (!found) return null;
    points += found.points;
    for (const place of found.at) at.add(place);
  }
  return { points, at: [...at].sort((a, b) => a - b) };
}

/** The items that fit, best first, each {item, parts: its label in parts, those that were meant marked}. */
export function rank(query, items, bonus = () => 0) {
  const found = [];
  for (const [order, item] of items.entries()) {
    const fit = match(query, item.label);
    const also = fit ?? (item.words ? match(query, `${item.label} ${item.words}`, true) : null);
    if (also) found.push({ item, points: also.points - (fit ? 0 : 40) + bonus(item), at: fit?.at ?? [], order });
  }
  found.sort((a, b) => b.points - a.points || a.order - b.order);
  return found.map(({ item, at }) => ({ item, parts: partsOf(item.label, at) }));
}

function partsOf(text, at) {
  const hits = new Set(at);
  const parts = [];
  for (const [place, letter] of [...text].entries()) {
    const hit = hits.has(place);
    if (parts.at(-1)?.hit === hit) parts.at(-1).text += letter;
    else parts.push({ text: letter, hit });
  }
  return parts;
}
