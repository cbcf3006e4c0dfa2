/** The arrival of goods of a transfer that were on their way. */

import { path, send } from "../core/api.js";
import { ask } from "../core/ask.js";
import { field } from "../core/form.js";
import { missing, outstanding } from "../core/transfers.js";
import { t } from "../core/words.js";

const ARRIVED = ["received", "returned", "damaged"];

/** Return how many units of an item are still on their way with a transfer. */
export function onItsWay(transfer, item) {
  return outstanding(lines(transfer, item));
}

/** Ask what has arrived of an item, of the first line of a transfer that is not complete, and record it. */
export async function receive(transfer, context) {
  const { item } = context.known;
  const line = lines(transfer, item).find((each) => missing(each) > 0);
  const fields = ARRIVED.map((name) =>
    field({ name, label: t(`item.arrived.${name}`), kind: "integer", value: name === "received" ? String(missing(line)) : "0", required: true }),
  );
  const run = async (values, key) => {
    const body = { lines: [{ line: line.line, ...values }] };
    return (await send("POST", path`/transfers/${transfer.id}/receipts`, { body, key })).data;
  };
  const text = t("item.arrive_from", { from: transfer.from, to: transfer.to });
  const received = await ask(t("item.arrive"), { text, fields, submit: t("item.arrive"), run });
  if (received) await context.changed(t("item.done.arrival", { n: onItsWay(received, item) }));
}

function lines(transfer, item) {
  return transfer.lines.filter((line) => line.item_id === item.id);
}
