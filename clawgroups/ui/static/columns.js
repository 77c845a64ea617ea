// The columns of the table, and a sub-agent as one of its rows.
import { LOOKS, clock, money, plain, short, stateWords, whole } from "/claw/words.js";

const WAITS = { approval: "an approval", answer: "an answer", review: "a review", children: "its sub-agents", budget: "a higher limit" };

export function rowOf({ tile, look, asked }, rate) {
  return {
    id: tile.id, look, number: tile.n, name: plain(tile.name), role: plain(tile.role), state: stateWords(tile, look), driver: plain(tile.driver?.name),
    task: plain(tile.title), steps: tile.step, tokens: tile.tokens, rate: rate > 0.5 ? Math.round(rate) : 0, cost: tile.cost,
    waiting: tile.state === "waiting" ? WAITS[tile.wait] ?? tile.wait : "", since: tile.since, asked,
  };
}

function stateCell({ data, value }) {
  const cell = document.createElement("span");
  cell.className = "view-state";
  cell.dataset.look = data.look;
  cell.append(Object.assign(document.createElement("i"), { className: "dot" }));
  const icon = LOOKS[data.look].icon;
  cell.append(Object.assign(document.createElement("span"), { className: "cut", textContent: icon ? `${icon} ${value}` : value }));
  return cell;
}

const words = { filter: "agTextColumnFilter" };
const number = { filter: "agNumberColumnFilter", type: "rightAligned", cellClass: ["num", "ag-right-aligned-cell"] };
const blankAtZero = (write) => ({ value }) => (value ? write(value) : "");

/** `now()` is the server's time; `narrow` leaves out all but the most telling. */
export function columns(now, narrow) {
  const all = [
    { field: "name", headerName: "Name", ...words, width: 150, pinned: narrow ? null : "left", lockVisible: true, few: true },
    { field: "state", headerName: "State", ...words, width: 190, cellRenderer: stateCell, few: true },
    { field: "task", headerName: "Task", ...words, width: 220, flex: 1, minWidth: 170, tooltipField: "task" },
    { field: "driver", headerName: "Driver", ...words, width: 140 },
    { field: "steps", headerName: "Steps", ...number, width: 84, valueFormatter: ({ value }) => whole(value), few: true },
    { field: "rate", headerName: "Tok/s", ...number, width: 84, valueFormatter: blankAtZero(whole) },
    { field: "waiting", headerName: "Waiting for", ...words, width: 130 },
    { field: "since", headerName: "For", ...number, filter: false, width: 84, headerTooltip: "How long it has been in this state",
      valueFormatter: ({ value }) => clock((now() - value) / 1000), comparator: (a, b) => b - a },
    { field: "asked", headerName: "Needs you", ...number, width: 100, valueFormatter: blankAtZero(String) },
    { field: "tokens", headerName: "Tokens", ...number, width: 96, valueFormatter: blankAtZero(short) },
    { field: "cost", headerName: "Cost", ...number, width: 84, valueFormatter: blankAtZero(money) },
    { field: "role", headerName: "Role", ...words, width: 110 },
  ];
  return all.map(({ few, ...column }) => ({ ...column, hide: narrow && !few, width: narrow ? Math.min(column.width, 130) : column.width }));
}

/** The theme of the page for the grid's own styles. */
export const THEME = {
  backgroundColor: "var(--bg)", foregroundColor: "var(--text-2)", headerBackgroundColor: "var(--panel)", headerTextColor: "var(--muted)",
  borderColor: "var(--line)", rowHoverColor: "var(--hover)", selectedRowBackgroundColor: "var(--accent-bg)", accentColor: "var(--accent)",
  oddRowBackgroundColor: "var(--bg)", fontFamily: "inherit", fontSize: 12.5, headerFontSize: 11.5, headerFontWeight: 600, rowHeight: 32,
  headerHeight: 34, spacing: 6, cellHorizontalPadding: 12, wrapperBorder: false, wrapperBorderRadius: 0, menuBackgroundColor: "var(--panel)",
  inputBackgroundColor: "var(--bg)", inputBorder: { color: "var(--line-2)" }, chromeBackgroundColor: "var(--panel)", textColor: "var(--text-2)",
  tooltipBackgroundColor: "var(--panel)", tooltipTextColor: "var(--text)", iconColor: "var(--muted)", browserColorScheme: "inherit",
};
