/** Words, numbers and times, in the language and in the manner of who reads. */

import { h } from "./dom.js";

export const LANGUAGES = { en: "English", de: "Deutsch" };
const CHOICE = "stockroom.language";
const PLACE = /\{(\w+)\}/g;

/** The language of the words: what was chosen here, else the first known one of the browser. */
export const language = chosen();
/** The manner of numbers and times: that of the browser where it has this language. */
export const locale = navigator.languages.find((each) => each.split("-")[0] === language) || language;

const words = (await import(`../words/${language}.js`)).default;
const plural = new Intl.PluralRules(language);
const whole = new Intl.NumberFormat(locale);
const amount = new Intl.NumberFormat(locale, { minimumFractionDigits: 2, maximumFractionDigits: 4 });
const decimal = amount.formatToParts(0).find(({ type }) => type === "decimal").value;
const moment = new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeStyle: "short" });
const day = new Intl.DateTimeFormat(locale, { dateStyle: "medium" });

document.documentElement.lang = language;

/** Return the words of a key, with `values` in the place of {names}; `values.n` chooses between one and many. */
export function t(key, values = {}) {
  const found = words[key];
  if (found === undefined) console.error(`the catalogue has no words for ${key}`);
  const text = typeof found === "object" ? found[plural.select(values.n)] || found.other : found || key;
  return text.replace(PLACE, (_, name) => (typeof values[name] === "number" ? number(values[name]) : values[name]));
}

/** Whether the catalogue has words for a key, and `values` all that these name. */
export function known(key, values = {}) {
  return key in words && [...String(words[key]).matchAll(PLACE)].every(([, name]) => (values[name] ?? null) !== null);
}

/** Show the page in another language from now on. */
export function chooseLanguage(name) {
  localStorage.setItem(CHOICE, name);
  location.reload();
}

/** Return a number as it is written here. */
export function number(value) {
  return whole.format(value);
}

/** Return a change of a quantity, with its sign. */
export function signed(value) {
  return value > 0 ? `+${number(value)}` : number(value).replace("-", "−");
}

/** Return an exact amount, which the API writes as "12.50". */
export function money(text) {
  return text === null || text === undefined ? "" : amount.format(text);
}

/** Return an element with a time of the API, in the zone of who reads. */
export function time(text, format = moment) {
  return text ? h("time", { datetime: text, title: text }, format.format(new Date(text))) : "";
}

/** Return an element with the day of a time of the API. */
export function date(text) {
  return time(text, day);
}

/** Return a time of the API as text, for labels and sentences. */
export function timeText(text) {
  return moment.format(new Date(text));
}

/** Return an exact amount of the API as it is written into a field here: "12.50" or "12,50". */
export function amountText(text) {
  return String(text ?? "").replace(".", decimal);
}

/**
 * Return the whole number that was written, with or without signs between thousands; NaN for anything else.
 *
 * One sign is between thousands only where it is not the decimal one of who reads; several of the same always are.
 */
export function parseInteger(text) {
  const plain = text.trim().replace(/^[−–]/, "-").replace(/[\s']/g, "");
  if (/^[+-]?\d+$/.test(plain)) return Number(plain);
  const [, sign, more] = /^[+-]?[1-9]\d{0,2}([.,])\d{3}((?:\1\d{3})*)$/.exec(plain) ?? [];
  return sign && (sign !== decimal || more) ? Number(plain.replaceAll(sign, "")) : NaN;
}

/**
 * Return the exact amount that was written, as the API takes it ("12.50"); null for anything else.
 *
 * Both decimal signs count, whatever the language: a single sign is the decimal one, of two the last. Only what could be
 * a thousand as well, as "1.000" where the comma is the decimal sign, is refused.
 */
export function parseAmount(text) {
  const plain = text.trim().replace(/[\s']/g, "");
  const at = Math.max(plain.lastIndexOf("."), plain.lastIndexOf(","));
  if (at < 0) return /^\d+$/.test(plain) ? plain : null;
  const [before, sign, after] = [plain.slice(0, at), plain[at], plain.slice(at + 1)];
  if (sign !== decimal && /^[1-9]\d{0,2}$/.test(before) && /^\d{3}$/.test(after)) return null;
  const other = sign === "." ? "," : ".";
  const grouped = new RegExp(`^(\\d+|\\d{1,3}(\\${other}\\d{3})+)?$`);
  return grouped.test(before) && /^\d+$/.test(after) ? `${before.replaceAll(other, "") || "0"}.${after}` : null;
}

function chosen() {
  const choice = localStorage.getItem(CHOICE);
  if (choice in LANGUAGES) return choice;
  return navigator.languages.map((each) => each.split("-")[0]).find((each) => each in LANGUAGES) || "en";
}
