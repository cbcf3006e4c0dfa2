/** The forms that record a movement: receive, issue, count and adjust. */

import { path, send } from "../core/api.js";
import { ask } from "../core/ask.js";
import { field } from "../core/form.js";
import { number, t } from "../core/words.js";
import { choice, placeToTake, placeToPut, stockAt } from "./places.js";
import { undo } from "./reversal.js";

/** Ask for a movement of one kind, record it, and show what has become of the stock. */
export async function record(kind, context) {
  const movement = await ask(t(`item.act.${kind}`), question(kind, context.known));
  if (!movement) return;
  const words = { n: Math.abs(movement.delta), quantity: movement.quantity_after };
  await context.changed(t(`item.done.${kind}`, words), undo(movement, context));
}

function question(kind, known) {
  const { item } = known;
  const takes = kind === "issue";
  const where = choice(known, { value: takes ? placeToTake(known) : placeToPut(known), onchange: () => show(present()) });
  const quantity = field({
    name: "quantity",
    label: t(`item.quantity.${kind}`),
    kind: "integer",
    required: true,
    hint: " ",
    ...(kind === "adjust" && { inputmode: "text" }), // a phone's number pad lacks the minus
  });
  const hint = quantity.node.querySelector(".hint");
  let expected;

  function present() {
    const stock = stockAt(known, where?.read());
    return takes ? stock.available : stock.quantity;
  }

  function show(number_) {
    expected = number_;
    const words = t(takes ? "item.available_now" : "item.on_record", { quantity: `${number(number_)} ${item.unit}`.trim() });
    hint.textContent = kind === "adjust" ? `${t("item.adjust_hint")} ${words}` : words;
  }

  show(present());
  const fields = [
    quantity,
    where,
    kind === "receive" && field({ name: "unit_cost", label: t("item.unit_cost"), kind: "amount", hint: t("item.unit_cost_hint") }),
    field({ name: "reason", label: t("field.reason"), value: t(`item.reason.${kind}`), required: true }),
    field({ name: "reference", label: t("field.reference") }),
  ].filter(Boolean);

  async function run(values, key) {
    const body = { kind, ...values, ...(kind === "count" && { expect_quantity: expected }) };
    try {
      return (await send("POST", path`/items/${item.id}/movements`, { body, key })).data;
    } catch (error) {
      // Somebody else was faster: the form shows what there is now, and a second attempt counts from that.
      if (error.code === "quantity_changed") show(error.quantity);
      throw error;
    }
  }

  return { text: item.name, fields, submit: t(`item.act.${kind}`), run };
}
