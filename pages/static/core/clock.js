/** The clock of the service: how far that of this device is from it, by the `Date` of answers. */

const KEPT = "stockroom.clock";
const PRECISION = 2000; // milliseconds; `Date` has whole seconds, and answers take their time

let offset = Number(localStorage.getItem(KEPT)) || 0;

/** Compare the clocks by an answer whose request was sent at a time of this device. */
export function compare(headers, sentAt) {
  const [said, now] = [Date.parse(headers.get("Date")), Date.now()];
  if (Number.isNaN(said) || now < sentAt || now - sentAt > PRECISION) return;
  // On average, half a second has passed since the whole one that was said.
  const difference = Math.round(said + 500 - (sentAt + now) / 2);
  const found = Math.abs(difference) > PRECISION ? difference : 0;
  if (Math.abs(found - offset) < PRECISION / 2) return;
  offset = found;
  localStorage.setItem(KEPT, String(offset));
}

/** Return the time by the clock of the service, in milliseconds, as far as it was ever measured. */
export function serviceTime() {
  return Date.now() + offset;
}
