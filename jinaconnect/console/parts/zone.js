// Moments in a time zone of one's choice.

// Browsers still list these by what their cities were called.
const CALLED = {
  "Asia/Calcutta": "Asia/Kolkata", "Asia/Katmandu": "Asia/Kathmandu", "Asia/Rangoon": "Asia/Yangon", "Asia/Saigon": "Asia/Ho_Chi_Minh",
  "Europe/Kiev": "Europe/Kyiv",
};
const called = (zone) => CALLED[zone] ?? zone;

export const HERE = called(Intl.DateTimeFormat().resolvedOptions().timeZone);
export const ZONES = [...new Set([HERE, "UTC", ...Intl.supportedValuesOf("timeZone").map(called)])];

/** Return what the clocks of a zone show at a moment, as a field takes it: 2026-12-01T09:00. */
export function shownIn(moment, zone) {
  const parts = new Intl.DateTimeFormat("en-CA", {
    timeZone: zone, hourCycle: "h23", year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit",
  }).formatToParts(new Date(moment));
  const of = (type) => parts.find((part) => part.type === type).value;
  return `${of("year")}-${of("month")}-${of("day")}T${of("hour")}:${of("minute")}`;
}

/** Return the moment at which the clocks of a zone show a time; of one they skip, the moment after. */
export function momentOf(written, zone) {
  const wanted = Date.parse(`${written}:00Z`);
  const off = (moment) => Date.parse(`${shownIn(moment, zone)}:00Z`) - Math.floor(moment / 60_000) * 60_000;
  const first = wanted - off(wanted);
  return new Date(wanted - off(first));
}
