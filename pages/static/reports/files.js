/** Files of what the API answers as a table: plain links, which the browser saves. */

import { h, replace } from "../core/dom.js";
import { fileLink } from "../core/files.js";
import { field } from "../core/form.js";
import { t } from "../core/words.js";
import { beginning } from "../core/days.js";

/** Return the links to a path of the API as a file for a spreadsheet and as CSV; `name` says of what. */
export function files(path, query, name) {
  const links = [
    ["XLSX", { format: "xlsx" }],
    // Without the mark, Excel takes the CSV for another encoding.
    ["CSV", { format: "csv", bom: "true" }],
  ];
  return links.map(([format, more]) => {
    const label = t("reports.save_as", { name, format });
    return fileLink(path, { ...query, ...more }, format, { class: "button", "aria-label": label });
  });
}

/** Return the files of the stock: every item, in the columns that can be imported again. */
export function stockFiles() {
  const name = t("reports.stock_list");
  return [h("h2", {}, name), h("p", {}, t("reports.stock_list_about")), h("div", { class: "actions" }, files("/items/export", {}, name))];
}

/** Return the files of the ledger: every movement, or those of some days. */
export function ledgerFiles() {
  const name = t("reports.ledger");
  const links = h("div", { class: "actions" });
  const days = [
    field({ name: "since", label: t("reports.since"), type: "date", onchange: show }),
    field({ name: "until", label: t("reports.until"), type: "date", onchange: show }),
  ];

  function show() {
    const [since, until] = days.map((each) => each.read());
    const query = { since: since && beginning(since), until: until && beginning(until, 1) };
    replace(links, files("/movements/export", query, name));
  }

  show();
  return [h("h2", {}, name), h("p", {}, t("reports.ledger_about")), h("div", { class: "columns" }, days.map((each) => each.node)), links];
}
