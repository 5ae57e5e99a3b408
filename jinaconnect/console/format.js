// Dates and numbers in the reader's language and zone.

const time = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const weekday = new Intl.DateTimeFormat(undefined, { weekday: "short" });
const date = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });
const longDate = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long" });
const dated = new Intl.DateTimeFormat(undefined, { year: "numeric", month: "short", day: "numeric" });
const full = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "medium" });
const number = new Intl.NumberFormat();
const DAY = 86_400_000;

const midnight = (moment) => new Date(moment.getFullYear(), moment.getMonth(), moment.getDate());

/** Return how many days ago a moment was, by the calendar. */
export function daysAgo(moment, now = new Date()) {
  return Math.round((midnight(now) - midnight(moment)) / DAY);
}

export const clock = (stamp) => time.format(new Date(stamp));
export const day = (stamp) => dated.format(new Date(stamp));
export const exactly = (stamp) => full.format(new Date(stamp));
export const count = (value) => number.format(value);

/** Return a moment as short as a list needs it. */
export function brief(stamp) {
  const moment = new Date(stamp);
  const ago = daysAgo(moment);
  if (ago <= 0) return time.format(moment);
  if (ago === 1) return "Yesterday";
  if (ago < 7) return weekday.format(moment);
  return moment.getFullYear() === new Date().getFullYear() ? date.format(moment) : dated.format(moment);
}

/** Return a day as the separator in a thread names it. */
export function dayName(stamp) {
  const moment = new Date(stamp);
  const ago = daysAgo(moment);
  if (ago === 0) return "Today";
  if (ago === 1) return "Yesterday";
  return moment.getFullYear() === new Date().getFullYear() ? longDate.format(moment) : dated.format(moment);
}

/** Return the time left until a moment in words, null when it is over. */
export function left(until) {
  const minutes = Math.floor((until - Date.now()) / 60_000);
  if (minutes < 0) return null;
  if (minutes < 1) return "less than a minute";
  if (minutes < 60) return `${minutes} min`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** Return a size in bytes as people say it. */
export function size(bytes) {
  if (bytes < 1024) return `${bytes} B`;
  return bytes < 1024 ** 2 ? `${Math.round(bytes / 1024)} KB` : `${(bytes / 1024 ** 2).toFixed(1)} MB`;
}
