/** The open reservations of an item: what is promised, until it is fulfilled or released. */

import { newKey, path, send } from "../core/api.js";
import { ask } from "../core/ask.js";
import { confirm } from "../core/dialog.js";
import { h, replace } from "../core/dom.js";
import { field } from "../core/form.js";
import { may } from "../core/session.js";
import { table } from "../core/table.js";
import { number, t, time } from "../core/words.js";
import { placeName } from "./stocks.js";
import { release } from "./reserve.js";

/** Return {node, show()}. */
export function reservations(context) {
  const node = h("section", { class: "stack" });
  const show = () => replace(node, context.known.reservations.length > 0 && [h("h2", {}, t("item.reservations")), list(context)]);
  show();
  return { node, show };
}

function list(context) {
  const { places, reservations: rows } = context.known;
  const buttons = (each) => [
    h("button", { type: "button", "aria-label": t("item.fulfil_for", { reason: each.reason }), onclick: () => fulfil(each, context) }, t("item.fulfil")),
    h("button", { type: "button", "aria-label": t("item.release_for", { reason: each.reason }), onclick: () => askToRelease(each, context) }, t("item.release")),
  ];
  const columns = [
    { label: t("item.reserved_for"), kind: "wide", head: true, cell: (each) => [each.reason, each.reference && h("div", { class: "muted" }, each.reference)] },
    { label: t("item.open"), kind: "number", cell: (each) => number(each.open) },
    places.length > 1 && { label: t("field.location"), kind: "minor", cell: (each) => placeName(each.location, places) },
    { label: t("item.expires"), kind: "minor", cell: (each) => (each.expires_at ? time(each.expires_at) : t("item.expires.never")) },
    { label: t("item.who"), kind: "minor", cell: (each) => each.user },
    may("write") && { label: h("span", { class: "unseen" }, t("item.acts")), kind: "controls", cell: (each) => h("div", { class: "actions" }, buttons(each)) },
  ];
  const shown = table({ caption: t("item.reservations"), columns: columns.filter(Boolean) });
  shown.add(rows);
  return shown.node;
}

async function fulfil(reservation, context) {
  const open = field({ name: "quantity", label: t("item.quantity.issue"), kind: "integer", required: true, value: String(reservation.open) });
  const run = async (body, key) => (await send("POST", path`/reservations/${reservation.id}/fulfilment`, { body, key })).data;
  const done = await ask(t("item.fulfil"), { text: reservation.reason, fields: [open], submit: t("item.fulfil"), run });
  if (!done) return;
  const { delta, quantity_after: quantity } = done.movement;
  await context.changed(t("item.done.issue", { n: -delta, quantity }));
}

async function askToRelease(reservation, context) {
  const words = { n: reservation.open, reason: reservation.reason };
  if (await confirm(t("item.release"), t("item.release_ask", words), t("item.release"))) await release(reservation, context, newKey());
}
