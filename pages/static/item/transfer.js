/** The form that moves some of an item from one location to another. */

import { newKey, path, send } from "../core/api.js";
import { ask } from "../core/ask.js";
import { field } from "../core/form.js";
import { attempt } from "../core/status.js";
import { t } from "../core/words.js";
import { choice, permitted, placeToTake } from "./places.js";

/** Ask what is to be moved and where, move it, and show where it lies now. */
export async function transfer(context) {
  const moved = await ask(t("item.act.transfer"), question(context.known));
  if (!moved) return;
  const words = { n: moved.lines[0].quantity, from: moved.from, to: moved.to };
  const message = t(moved.state === "received" ? "item.done.transfer" : "item.done.sent", words);
  await context.changed(message, { label: t("item.undo"), run: () => reverse(moved, context, newKey()) });
}

/** Reverse a transfer as a whole. */
export function reverse(moved, context, key) {
  return attempt(async () => {
    await send("POST", path`/transfers/${moved.id}/reversal`, { body: { reason: t("item.reason.reversal") }, key });
    await context.changed(t("item.done.transfer_reversal", { from: moved.from, to: moved.to }));
  });
}

function question(known) {
  const from = placeToTake(known);
  const to = permitted(known.places).find((place) => place.code !== from)?.code;
  const fields = [
    field({ name: "quantity", label: t("item.quantity.transfer"), kind: "integer", required: true }),
    choice(known, { name: "from", label: t("item.from"), value: from }),
    choice(known, { name: "to", label: t("item.to"), value: to }),
    field({ name: "reason", label: t("field.reason"), value: t("item.reason.transfer"), required: true }),
    field({ name: "reference", label: t("field.reference") }),
    field({ name: "later", label: t("item.later"), kind: "check", hint: t("item.later_hint") }),
  ];

  async function run({ quantity, later, ...values }, key) {
    const body = { ...values, lines: [{ item_id: known.item.id, quantity }], receive: later ? "later" : "now" };
    return (await send("POST", "/transfers", { body, key })).data;
  }

  return { text: known.item.name, fields, submit: t("item.act.transfer"), run };
}
