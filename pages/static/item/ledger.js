/** The ledger of an item: its movements, the newest first, read on by cursor. */

import { get, path } from "../core/api.js";
import { h, replace } from "../core/dom.js";
import { onward, table } from "../core/table.js";
import { number, signed, t, time } from "../core/words.js";
import { showById, showMovement } from "./movement.js";
import { askToReverse, isReversible } from "./reversal.js";
import { placeName } from "./stocks.js";

const SHOWN = 50;

/** Return {node, begin(location), show()}: `show` puts what is new on top, and nothing that is seen moves. */
export function ledger(context) {
  let { item } = context.known;
  const list = h("div");
  const end = onward(add, () => h("p", { class: "muted" }, t("item.no_movements")));
  const node = h("div", {}, list, end.node);
  let shown = rows(context);
  let location;

  function read(cursor) {
    return get(path`/items/${item.id}/movements`, { sort: "-id", location, cursor, limit: SHOWN });
  }

  function begin(where = location) {
    location = where;
    ({ item } = context.known);
    shown = rows(context, location);
    return end.start(read);
  }

  function add(movements, isFirst) {
    if (isFirst) replace(list, movements.length ? shown.node : null);
    shown.add(movements);
  }

  async function show() {
    const { data } = await read("");
    const fresh = data.filter((movement) => !shown.has(movement.id));
    // More than a page is new, or there was nothing; or the archive changes what can be reversed.
    if (fresh.length === data.length || item.archived !== context.known.item.archived) return begin();
    const reversed = fresh.filter(({ reverses }) => reverses !== null && shown.has(reverses)).map(({ reverses }) => get(path`/movements/${reverses}`));
    shown.renew([...fresh, ...(await Promise.all(reversed))]);
  }

  return { node, begin, show };
}

function rows(context, location) {
  const { item, places } = context.known;
  const after = location ? "location_quantity_after" : "quantity_after";
  const columns = [
    { label: t("item.when"), kind: "minor", cell: (movement) => time(movement.occurred_at) },
    { label: t("item.what"), kind: "wide", head: true, cell: (movement) => what(movement, context) },
    { label: t("item.change"), kind: "number", cell: (movement) => signed(movement.delta) },
    { label: t("item.after"), kind: "number", cell: (movement) => number(movement[after]) },
    places.length > 1 && { label: t("field.location"), kind: "minor", cell: (movement) => placeName(movement.location, places) },
    { label: t("field.reference"), kind: "minor", cell: (movement) => movement.reference },
    { label: t("item.who"), kind: "minor", cell: (movement) => movement.user },
    { label: h("span", { class: "unseen" }, t("item.acts")), kind: "minor no-print", cell: (movement) => isReversible(movement, item) && reverse(movement, context) },
  ];
  return table({ caption: t("item.ledger"), columns: columns.filter(Boolean) });
}

function what(movement, context) {
  const { reverses, reversed_by: by } = movement;
  const link = (words, run) => h("button", { type: "button", class: "plain", onclick: run }, words);
  const badge = (words, id) => [" ", h("span", { class: "badge" }, link(words, () => showById(id, context)))];
  return [
    link(t(`item.kind.${movement.kind}`), () => showMovement(movement, context)),
    by !== null && badge(t("item.reversed_by", { id: String(by) }), by),
    reverses !== null && badge(t("item.reverses", { id: String(reverses) }), reverses),
    h("div", { class: "muted" }, movement.reason),
    h("div", { class: "muted narrow" }, time(movement.occurred_at)),
  ];
}

function reverse(movement, context) {
  const label = t("item.reverse_this", { id: String(movement.id) });
  return h("button", { type: "button", "aria-label": label, onclick: () => askToReverse(movement, context) }, t("item.reverse"));
}
