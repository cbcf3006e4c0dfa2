/** The report of what goes, and what lies idle. */

import { h } from "../core/dom.js";
import { field } from "../core/form.js";
import { date, number, t, timeText } from "../core/words.js";
import { beginning } from "../core/days.js";

/** Return the report. */
export function turnover() {
  return {
    title: t("reports.turnover.title"),
    path: "/reports/turnover",
    fields: (given) => [
      field({ name: "since", label: t("reports.since"), type: "date", value: given("since"), hint: t("reports.turnover.since_hint") }),
      field({ name: "until", label: t("reports.until"), type: "date", value: given("until"), hint: t("reports.turnover.until_hint") }),
    ],
    ask: ({ since, until }) => ({ since: since && beginning(since), until: until && beginning(until, 1) }),
    sentence: ({ since, until }) => t("reports.turnover.as_of", { since: timeText(since), until: timeText(until) }),
    columns: [
      { label: t("field.name"), head: true, kind: "wide", cell: (row) => [h("a", { href: `/app/items/${row.item_id}` }, row.name), " ", idle(row), h("div", { class: "narrow muted" }, row.sku)] },
      { label: t("field.sku"), kind: "code minor", cell: (row) => row.sku },
      { label: t("reports.turnover.quantity"), kind: "number minor", cell: (row) => number(row.quantity) },
      { label: t("reports.turnover.issued"), kind: "number", cell: (row) => number(row.issued) },
      { label: t("reports.turnover.cover"), kind: "number", cell: (row) => cover(row) },
      { label: t("reports.turnover.last"), kind: "minor", cell: (row) => date(row.idle_since) || "–" },
    ],
    total: (rows) => [t("reports.items", { n: rows.length }), "", number(rows.reduce((sum, row) => sum + row.issued, 0)), "", ""],
    empty: t("reports.turnover.empty"),
  };
}

function idle({ issued, quantity }) {
  return issued === 0 && quantity > 0 && h("span", { class: "badge" }, t("reports.turnover.idle"));
}

function cover({ days_of_cover: days }) {
  return days === null ? "–" : t("reports.turnover.days", { n: days });
}
