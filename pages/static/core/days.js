/** Days of the calendar of who reads, as "2026-01-31". */

/** Return the time at which a day begins, or so many days later, as the API takes it. */
export function beginning(day, later = 0) {
  const [year, month, date] = day.split("-").map(Number);
  return new Date(year, month - 1, date + later).toISOString();
}

/** Return the last time of a day that is over; undefined for today and later, which is not over yet. */
export function end(day) {
  const next = new Date(beginning(day, 1));
  return next > new Date() ? undefined : new Date(next - 1).toISOString();
}
