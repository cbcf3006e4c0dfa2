/** The form that promises some of an item to somebody. */

import { newKey, path, send } from "../core/api.js";
import { ask } from "../core/ask.js";
import { field } from "../core/form.js";
import { attempt } from "../core/status.js";
import { number, t } from "../core/words.js";
import { choice, placeToTake } from "./places.js";

// For how many minutes something can be promised.
const HOUR = 60;
const TIMES = { hour: HOUR, day: 24 * HOUR, week: 7 * 24 * HOUR, month: 30 * 24 * HOUR };

/** Ask what is to be reserved and for whom, reserve it, and show what is left. */
export async function reserve(context) {
  const reservation = await ask(t("item.act.reserve"), question(context.known));
  if (!reservation) return;
  const key = newKey();
  await context.changed(t("item.done.reserve", { n: reservation.quantity }), { label: t("item.undo"), run: () => release(reservation, context, key) });
}

/** Release what is open of a reservation. */
export function release(reservation, context, key) {
  return attempt(async () => {
    await send("POST", path`/reservations/${reservation.id}/release`, { key });
    await context.changed(t("item.done.release", { n: reservation.open }));
  });
}

function question(known) {
  const { item } = known;
  const forever = { value: "", label: t("item.expires.never") };
  const times = Object.entries(TIMES).map(([name, minutes]) => ({ value: String(minutes), label: t(`item.expires.${name}`) }));
  const available = `${number(item.available)} ${item.unit}`.trim();
  const fields = [
    field({ name: "quantity", label: t("item.quantity.reserve"), kind: "integer", required: true, hint: t("item.available_now", { quantity: available }) }),
    choice(known, { value: placeToTake(known) }),
    field({ name: "reason", label: t("item.reserved_for"), value: t("item.reason.reserve"), required: true }),
    field({ name: "reference", label: t("field.reference") }),
    field({ name: "expires_in_minutes", label: t("item.expires"), kind: "choice", options: [forever, ...times] }),
  ].filter(Boolean);

  async function run({ expires_in_minutes: minutes, ...values }, key) {
    const body = { reservations: [{ item_id: item.id, ...values }], ...(minutes && { expires_in_minutes: Number(minutes) }) };
    const { data } = await send("POST", "/reservations", { body, key });
    return data.reservations[0];
  }

  return { text: item.name, fields, submit: t("item.act.reserve"), run };
}
