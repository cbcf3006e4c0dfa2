/** The reversal of a movement: its counter-entry, which is asked for before, or which undoes what was just done. */

import { newKey, path, send } from "../core/api.js";
import { ask } from "../core/ask.js";
import { field } from "../core/form.js";
import { isPermitted, may } from "../core/session.js";
import { attempt } from "../core/status.js";
import { signed, t, timeText } from "../core/words.js";

/** Whether a movement of an item can be reversed by whom is signed in; a transfer is only as a whole. */
export function isReversible(movement, item) {
  const { reverses, reversed_by: by, transfer_id: transfer, location } = movement;
  return may("write") && isPermitted(location) && !item.archived && reverses === null && by === null && transfer === null;
}

/** Ask whether to reverse a movement and why, and do it. */
export async function askToReverse(movement, context) {
  const words = { kind: t(`item.kind.${movement.kind}`), delta: signed(movement.delta), at: timeText(movement.occurred_at), user: movement.user };
  const why = field({ name: "reason", label: t("field.reason"), value: t("item.reason.reversal"), required: true });
  const run = (body, key) => post(movement, body, key);
  const reversal = await ask(t("item.reverse"), { text: t("item.reverse_ask", words), fields: [why], submit: t("item.reverse"), run });
  if (reversal) await context.changed(message(reversal));
}

/** Return the action of a message that takes a movement back. */
export function undo(movement, context) {
  const key = newKey();
  const run = async () => {
    const reversal = await post(movement, { reason: t("item.reason.reversal") }, key);
    await context.changed(message(reversal));
  };
  return { label: t("item.undo"), run: () => attempt(run) };
}

async function post(movement, body, key) {
  return (await send("POST", path`/movements/${movement.id}/reversal`, { body, key })).data;
}

function message(reversal) {
  return t("item.done.reversal", { quantity: reversal.quantity_after });
}
