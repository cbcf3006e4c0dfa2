/** One movement, with all that is recorded of it. */

import { get, newKey, path } from "../core/api.js";
import { dialog } from "../core/dialog.js";
import { h } from "../core/dom.js";
import { facts } from "../core/facts.js";
import { may } from "../core/session.js";
import { attempt } from "../core/status.js";
import { money, number, signed, t, time } from "../core/words.js";
import { onItsWay, receive } from "./arrival.js";
import { askToReverse, isReversible } from "./reversal.js";
import { placeName } from "./stocks.js";
import { reverse as reverseTransfer } from "./transfer.js";

/** Show a movement in a dialog, from which it can be reversed, and from which others that belong to it are shown. */
export function showMovement(movement, context) {
  return attempt(async () => {
    const transfer = movement.transfer_id === null ? null : await get(path`/transfers/${movement.transfer_id}`);
    const fill = (close) => [recorded(movement, transfer, context.known), buttons(movement, transfer, context, close)];
    const next = await dialog(t("item.movement", { id: String(movement.id) }), fill);
    await next?.();
  });
}

/** Read a movement by its id, and show it. */
export function showById(id, context) {
  return attempt(async () => showMovement(await get(path`/movements/${id}`), context));
}

function recorded(movement, transfer, { item, places }) {
  return facts([
    [t("item.what"), t(`item.kind.${movement.kind}`)],
    [t("item.change"), signed(movement.delta)],
    [t("item.after"), number(movement.quantity_after)],
    [t("field.location"), places.length > 1 && placeName(movement.location, places)],
    [t("item.after_there"), places.length > 1 && number(movement.location_quantity_after)],
    [t("item.transfer"), transfer && `${transfer.from} → ${transfer.to}`],
    [t("item.on_its_way"), transfer && onItsWay(transfer, item) > 0 && number(onItsWay(transfer, item))],
    [t("item.unit_cost"), money(movement.unit_cost)],
    [t("field.reason"), movement.reason],
    [t("field.reference"), movement.reference],
    [t("item.who"), movement.user],
    [t("item.when"), time(movement.occurred_at)],
    [t("item.recorded"), movement.created_at !== movement.occurred_at && time(movement.created_at)],
  ]);
}

function buttons(movement, transfer, context, close) {
  const { item } = context.known;
  const button = (words, run) => h("button", { type: "button", onclick: () => close(run) }, words);
  const acts = transfer && may("write") && !item.archived;
  return h(
    "div",
    { class: "actions after" },
    isReversible(movement, item) && button(t("item.reverse"), () => askToReverse(movement, context)),
    acts && onItsWay(transfer, item) > 0 && button(t("item.arrive"), () => receive(transfer, context)),
    acts && !transfer.reversed && button(t("item.reverse_transfer"), () => reverseTransfer(transfer, context, newKey())),
    movement.reversed_by !== null && button(t("item.reversed_by", { id: String(movement.reversed_by) }), () => showById(movement.reversed_by, context)),
    movement.reverses !== null && button(t("item.reverses", { id: String(movement.reverses) }), () => showById(movement.reverses, context)),
  );
}
