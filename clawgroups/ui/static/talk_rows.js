// What stands in the room's log: messages, with the results of many sub-agents folded into one row.

/** Whether it is the result of a sub-agent; a conductor's own always stands by itself. */
export const isResult = (m) => (m.kind === "finished" || m.kind === "failed") && !m.conducts;

/** `opened`: numbers of results that are shown each. -> [{m}] and [{bunch: [m], open}], a bunch's own behind it. */
export function rowsOf(messages, opened) {
  const rows = [];
  for (let at = 0; at < messages.length; ) {
    let end = at;
    while (end < messages.length && isResult(messages[end])) end++;
    const bunch = messages.slice(at, end);
    const open = bunch.some((m) => opened.has(m.seq));
    if (bunch.length > 1) rows.push({ key: `results-${bunch[0].seq}`, bunch, open });
    if (bunch.length === 1 || open) rows.push(...bunch.map((m) => ({ key: m.seq, m })));
    if (!bunch.length) rows.push({ key: messages[at].seq, m: messages[at] });
    at = Math.max(end, at + 1);
  }
  return rows;
}
