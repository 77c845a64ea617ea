// What waits for a person, by the cost of letting it wait, and folded by its cause. Pure: the same on every page.
import { REQUEST_KINDS } from "/claw/words.js";

const AGE_MIN = 10; // every so many minutes of waiting weigh once more
const SPEND_USD = 5; // a sub-agent that spends so much an hour weighs twice: what it stops is dear

/**
 * cost = risk x blocked x age x spend
 *   risk     what is at stake, as the server grades it: what only reads 1, what runs a command 3 (dispatcher/risk.py)
 *   blocked  sub-agents that stand still because of it: who asks, and everybody above
 *   age      1 + minutes waited / 10
 *   spend    1 + USD an hour / 5, of who asks, up to where it began to wait
 */
export function costOf(request, now) {
  const risk = request.risk?.weight ?? REQUEST_KINDS[request.kind]?.weight ?? 1;
  const age = 1 + Math.max(0, now - request.opened_at) / 60_000 / AGE_MIN;
  const spend = 1 + Math.max(0, request.rate || 0) / SPEND_USD;
  return risk * Math.max(1, request.blocked) * age * spend;
}

const byAge = (a, b) => a.opened_at - b.opened_at || a.id.length - b.id.length || (a.id < b.id ? -1 : 1);

/** Requests that ask the very same, as one: [{key, all (oldest first), cost (of all together)}], the dearest first. */
export function causesOf(requests, now) {
  const found = new Map();
  for (const request of requests) {
    const key = `${request.group}/${request.cause || request.id}`;
    if (!found.has(key)) found.set(key, { key, all: [], cost: 0 });
    const cause = found.get(key);
    cause.all.push(request);
    cause.cost += costOf(request, now);
  }
  for (const cause of found.values()) cause.all.sort(byAge);
  return [...found.values()].sort((a, b) => b.cost - a.cost || byAge(a.all[0], b.all[0]));
}

/** "12 sub-agents ask the same". */
export function sameWords(all) {
  const agents = new Set(all.map((one) => one.agent)).size;
  if (agents > 1 && all[0].kind === "stall") return `${agents} sub-agents are stuck for the same reason`;
  return agents > 1 ? `${agents} sub-agents ask the same` : `Asked ${all.length} times`;
}
