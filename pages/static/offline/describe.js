/** An act in words: what it is about, what it changes, how it stands, and why it was refused. */

import { h } from "../core/dom.js";
import { messageOf } from "../core/status.js";
import { number, signed, t } from "../core/words.js";

const SIGNS = { receive: 1, issue: -1 };

/** Return what an act is about: its item where it is known, else the code that was scanned. */
export function subject(act) {
  if (act.kind === "batch") return t("act.batch", { n: act.lines.length });
  const item = act.item ? `${act.item.name} (${act.item.sku})` : act.code;
  return act.kind === "reversal" ? t("act.undo", { item }) : item;
}

/** Return what an act does to the stock, as +5 or =12; nothing where it is a list or a counter-entry. */
export function effect(act) {
  if (act.kind === "count") return `= ${number(act.quantity)}`;
  return act.kind in SIGNS ? signed(SIGNS[act.kind] * act.quantity) : "";
}

/** Return an element that says how an act stands, in a word and a colour. */
export function state(act) {
  if (act.undone) return h("span", { class: "badge" }, t("act.undone"));
  if (act.undoing) return h("span", { class: "badge warn" }, t("act.undoing"));
  const kind = { waiting: "warn", sent: "good", refused: "bad" }[act.state];
  return h("span", { class: `badge ${kind}` }, t(`act.${act.state}`));
}

/** Return the sentences that say why an act was refused. */
export function reasons(act) {
  const { code, errors = [] } = act.problem;
  if (code === "unknown_code") return [t("act.unknown_code", { code: act.code })];
  const [message, details] = [messageOf(act.problem), errors.map((error) => named(act, error))];
  return act.kind === "batch" && details.length ? details : [message, ...details.filter((text) => text !== message)];
}

function named(act, error) {
  const { index, field } = error;
  const found = index ?? Number(/\[(\d+)\]/.exec(field || "")?.[1] ?? NaN);
  const line = act.lines?.[found];
  return line ? `${line.item.name}: ${messageOf(error)}` : messageOf(error);
}
