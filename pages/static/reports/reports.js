/** The reports, and the stock and its ledger as files. */

import { h } from "../core/dom.js";
import { t } from "../core/words.js";
import { ledgerFiles, stockFiles } from "./files.js";
import { report } from "./report.js";
import { reorder } from "./reorder.js";
import { turnover } from "./turnover.js";
import { valuation } from "./valuation.js";

const REPORTS = { valuation, reorder, turnover };

/** Return the page: that of one report, or the ways to all of them. */
export default async function reports({ params, ...visit }) {
  if (!params.name) return { title: t("reports.title"), content: overview() };
  if (Object.hasOwn(REPORTS, params.name)) return report(REPORTS[params.name](), visit);
  return { title: t("error.no_page"), content: h("p", {}, h("a", { href: "/app/reports" }, t("reports.title"))) };
}

function overview() {
  const cards = Object.keys(REPORTS).map((name) => [
    h("h2", {}, h("a", { href: `/app/reports/${name}` }, t(`reports.${name}.title`))),
    h("p", {}, t(`reports.${name}.about`)),
  ]);
  const all = [...cards, stockFiles(), ledgerFiles()];
  return h("div", { class: "cards" }, all.map((content) => h("section", { class: "card stack" }, content)));
}
