/** The report of what the stock is worth. */

import { h } from "../core/dom.js";
import { field } from "../core/form.js";
import { money, number, t, timeText } from "../core/words.js";
import { end } from "../core/days.js";

const METHODS = ["average", "last"];

/** Return the report. */
export function valuation() {
  return {
    title: t("reports.valuation.title"),
    path: "/reports/valuation",
    fields: (given) => [
      field({ name: "at", label: t("reports.valuation.at"), type: "date", value: given("at"), hint: t("reports.valuation.at_hint") }),
      field({ name: "method", label: t("reports.valuation.method"), kind: "choice", options: methods(), value: given("method") }),
    ],
    ask: ({ at, method }) => ({ at: at && end(at), method }),
    sentence: ({ at, method, without_cost: n }) => [
      t("reports.valuation.as_of", { at: timeText(at) }),
      " ",
      method === "last" ? t("reports.valuation.by_last") : t("reports.valuation.by_average"),
      n > 0 && ` ${t("reports.valuation.by_price", { n })}`,
    ],
    figures: ({ value, items, without_cost: n }) => [
      [t("reports.valuation.value"), h("strong", { class: "figure" }, money(value))],
      [t("reports.valuation.items"), h("span", { class: "figure" }, number(items))],
      [t("reports.valuation.without_cost"), h("span", { class: "figure" }, number(n))],
    ],
    columns: [
      { label: t("field.sku"), head: true, kind: "code", cell: (row) => h("a", { href: `/app/items/${row.item_id}` }, row.sku) },
      { label: t("field.quantity"), kind: "number", cell: (row) => number(row.quantity) },
      { label: t("reports.valuation.unit_cost"), kind: "number minor", cell: (row) => money(row.unit_cost) },
      { label: t("reports.valuation.value"), kind: "number", cell: (row) => money(row.value) },
    ],
    total: (rows, { value }) => [number(rows.reduce((sum, row) => sum + row.quantity, 0)), "", money(value)],
    empty: t("reports.valuation.empty"),
  };
}

function methods() {
  return METHODS.map((value) => ({ value, label: t(`reports.valuation.method.${value}`) }));
}
