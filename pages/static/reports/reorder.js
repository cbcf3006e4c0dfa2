/** The report of what has to be ordered. */

import { h } from "../core/dom.js";
import { field } from "../core/form.js";
import { allPlaces, placeOptions } from "../core/places.js";
import { number, t, timeText } from "../core/words.js";

/** Return the report. */
export function reorder() {
  return {
    title: t("reports.reorder.title"),
    path: "/reports/reorder",
    fields,
    ask: (values) => values,
    sentence: (_, { location, reorder_to: to }) => [
      t("reports.reorder.as_of", { at: timeText(new Date().toISOString()) }),
      " ",
      location ? t("reports.reorder.there", { location }) : t("reports.reorder.anywhere"),
      " ",
      to ? t("reports.reorder.up_to", { n: to }) : t("reports.reorder.up_to_level"),
    ],
    columns: [
      { label: t("field.name"), head: true, kind: "wide", cell: (row) => [h("a", { href: `/app/items/${row.item_id}` }, row.name), h("div", { class: "narrow muted" }, row.sku)] },
      { label: t("field.sku"), kind: "code minor", cell: (row) => row.sku },
      { label: t("field.quantity"), kind: "number minor", cell: (row) => number(row.quantity) },
      { label: t("field.available"), kind: "number minor", cell: (row) => number(row.available) },
      { label: t("field.reorder_level"), kind: "number minor", cell: (row) => number(row.reorder_level) },
      { label: t("reports.reorder.to_order"), kind: "number", cell: (row) => h("strong", {}, number(row.to_order)) },
    ],
    total: (rows) => [t("reports.items", { n: rows.length }), "", "", "", number(rows.reduce((sum, row) => sum + row.to_order, 0))],
    empty: t("reports.reorder.empty"),
  };
}

async function fields(given) {
  const places = await allPlaces();
  const options = placeOptions(places, t("reports.reorder.everywhere"));
  const where = { name: "location", label: t("field.location"), kind: "choice", options, value: given("location") };
  const to = { name: "reorder_to", label: t("reports.reorder.to"), kind: "integer", value: given("reorder_to") };
  // Who has one location never meets the word.
  return [places.length > 1 && field(where), field({ ...to, hint: t("reports.reorder.to_hint") })].filter(Boolean);
}
