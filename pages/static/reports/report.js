/** A report: what it is about, its figures, its rows with their total, and itself as a file and on paper. */

import { get } from "../core/api.js";
import { h, replace } from "../core/dom.js";
import { facts } from "../core/facts.js";
import { form, readAll } from "../core/form.js";
import { failure } from "../core/status.js";
import { onward, table } from "../core/table.js";
import { t } from "../core/words.js";
import { files } from "./files.js";

const ROWS = 200;
// How many more pages are read for paper; who wants more wants a file.
const PAGES_FOR_PAPER = 25;

/**
 * Return the page of a report, which is {title, path, fields(given), ask(values), sentence(first), figures(first),
 * columns, total(rows, first), empty}: `fields` is given what the address of the page says, `ask` returns the query
 * for the API, `first` is its first page, and `total` returns the cells of the last line.
 */
export async function report(spec, { query, remember }) {
  const fields = await spec.fields((name) => query.get(name) || "");
  const result = h("div", { class: "stack" });

  async function show(values) {
    const asked = spec.ask(values);
    const first = await get(spec.path, { ...asked, limit: ROWS, cursor: "" });
    const sentence = h("p", { class: "as-of" }, spec.sentence(first, values));
    if (first.data.length) replace(result, sentence, await counted(spec, asked, first));
    else replace(result, sentence, h("div", { class: "empty" }, h("p", {}, spec.empty)));
  }

  const values = readAll(fields);
  const run = (asked) => show(asked).then(() => remember(asked));
  const parameters = form({ fields, submit: t("reports.show"), run, kind: "parameters no-print" });
  if (values) await show(values).catch((error) => replace(result, failure(error)));
  return { title: spec.title, content: [h("div", { class: "stack" }, parameters, result)] };
}

/** Return the figures and the rows of a report that has some; the total comes with the last of them. */
async function counted(spec, asked, first) {
  const shown = table({ caption: spec.title, columns: spec.columns });
  const [rows, foot] = [[], h("tfoot")];
  const cut = h("p", { class: "notice warn", hidden: true }, t("reports.cut"));
  shown.node.querySelector("table").append(foot);
  const end = onward((data) => shown.add(data));
  await end.start(async (cursor) => {
    const page = cursor ? await get(spec.path, { ...asked, limit: ROWS, cursor }) : first;
    rows.push(...page.data);
    if (!page.next_cursor) replace(foot, lastLine(spec.columns, spec.total(rows, first)));
    return page;
  });

  async function print() {
    cut.hidden = await end.readOn(PAGES_FOR_PAPER);
    window.print();
    cut.hidden = true;
  }

  const paper = h("button", { type: "button", onclick: print }, t("reports.print"));
  return [
    spec.figures && facts(spec.figures(first)),
    h("div", { class: "actions" }, files(spec.path, asked, spec.title), paper),
    shown.node,
    cut,
    end.node,
  ];
}

function lastLine(columns, cells) {
  const label = h("th", { scope: "row" }, t("reports.total"));
  return h("tr", {}, label, cells.map((cell, index) => h("td", { class: columns[index + 1].kind }, cell)));
}
