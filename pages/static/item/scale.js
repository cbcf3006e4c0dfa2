/** The marks of the axes of a plot: round quantities, and the beginnings of days or months where the reader is. */

import { locale } from "../core/words.js";

const MARKS = 4;
const ROOM = 62; // pixels, for the label of a time
const day = new Intl.DateTimeFormat(locale, { weekday: "short", day: "numeric" });
const date = new Intl.DateTimeFormat(locale, { day: "numeric", month: "short" });
const month = new Intl.DateTimeFormat(locale, { month: "short", year: "2-digit" });
// What is marked in each period, and in which steps where there is little room.
const MARKED = {
  week: { format: day, next: nextDay, steps: [1, 2, 3, 7] },
  month: { format: date, next: nextDay, steps: [1, 2, 7, 14] },
  year: { format: month, next: nextMonth, steps: [1, 2, 3, 6] },
};

/** Return a few round numbers from 0 on, the last of which is the largest quantity or more. */
export function levels(most) {
  const least = Math.max(most, 1) / MARKS;
  const power = 10 ** Math.floor(Math.log10(least));
  const step = Math.max(1, [1, 2, 5, 10].map((factor) => factor * power).find((each) => each >= least));
  return Array.from({ length: Math.ceil(Math.max(most, 1) / step) + 1 }, (_, index) => index * step);
}

/** Return the marks {at, label} between two times, no more than there is room for in `width` pixels. */
export function times(begin, end, period, width) {
  const { format, next, steps } = MARKED[period];
  const all = [];
  for (let at = next(begin); at <= end; at = next(at)) all.push(at);
  const step = steps.find((each) => (all.length / each) * ROOM <= width) ?? steps.at(-1);
  return all.filter((_, index) => index % step === 0).map((at) => ({ at, label: format.format(at) }));
}

function nextDay(at) {
  return new Date(at.getFullYear(), at.getMonth(), at.getDate() + 1);
}

function nextMonth(at) {
  return new Date(at.getFullYear(), at.getMonth() + 1, 1);
}
