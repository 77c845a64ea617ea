// Times in the viewer's own zone: short for reading, whole for pointing at.
const DAY_MS = 86400000;
const clockOf = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });
const dayOf = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" });
const yearOf = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", year: "numeric" });
const wholeOf = new Intl.DateTimeFormat("en-GB", { dateStyle: "full", timeStyle: "long" });

const midnight = (ms) => new Date(ms).setHours(0, 0, 0, 0);

/** "14:02" today, "yesterday 14:02", "3 Nov 14:02", "3 Nov 2025". */
export function when(ms, now = Date.now()) {
  const days = Math.round((midnight(now) - midnight(ms)) / DAY_MS);
  const clock = clockOf.format(ms);
  if (days === 0) return clock;
  if (days === 1) return `yesterday ${clock}`;
  return new Date(ms).getFullYear() === new Date(now).getFullYear() ? `${dayOf.format(ms)} ${clock}` : yearOf.format(ms);
}

/** The end of what began at `start`: on the same day its clock says enough. */
export const ending = (ms, start, now = Date.now()) => (midnight(ms) === midnight(start) ? clockOf.format(ms) : when(ms, now));

/** The whole time with its zone. */
export const whole = (ms) => wholeOf.format(ms);

/** "8 s", "3 min", "2 h 10 min", "4 d". */
export function span(ms) {
  const s = Math.max(0, Math.round(ms / 1000));
  if (s < 60) return `${s} s`;
  const min = Math.round(s / 60);
  if (min < 60) return `${min} min`;
  const h = Math.floor(min / 60);
  if (h < 48) return min % 60 ? `${h} h ${min % 60} min` : `${h} h`;
  return `${Math.round(h / 24)} d`;
}
