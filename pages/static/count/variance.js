/** The variance of a count, before it is booked: what differs first, and what agrees. */

import { h } from "../core/dom.js";
import { Mistake, field, form } from "../core/form.js";
import { table } from "../core/table.js";
import { number, signed, t } from "../core/words.js";

/** The most lines of one batch, which is recorded whole or not at all. */
export const MOST = 1000;

/** Return the node that shows these lines, {row, quantity, expected} each, and asks whether to book them; `book(reason)` does so. */
export function variance(lines, book, back) {
  const differing = lines.filter((line) => line.quantity !== line.expected);
  const agreeing = lines.filter((line) => line.quantity === line.expected);
  const reason = field({ name: "reason", label: t("field.reason"), value: t("count.reason"), required: true, maxlength: 500 });
  const run = async (values) => {
    if (!lines.length) throw new Mistake(t("count.nothing"));
    await book(values.reason);
  };
  return h("div", { class: "stack variance" }, [
    h("h2", { tabindex: "-1" }, t("count.variance")),
    h("p", {}, t("count.differ", { n: differing.length }), " ", t("count.agree", { n: agreeing.length })),
    differing.length > 0 && tableOf(t("count.variance"), differing).node,
    agreeing.length > 0 && h("details", {}, h("summary", {}, t("count.show_agreeing")), tableOf(t("count.agreeing"), agreeing).node),
    lines.length > MOST && h("p", { class: "notice" }, t("count.split", { n: Math.ceil(lines.length / MOST) })),
    h("p", { class: "muted" }, t("count.empty_lines")),
    form({ fields: [reason], submit: t("count.book", { n: lines.length }), run, cancel: back }),
  ]);
}

function tableOf(caption, lines) {
  const shown = table({
    caption,
    columns: [
      { label: t("field.name"), kind: "wide", head: true, cell: ({ row }) => [row.name, h("div", { class: "muted" }, row.sku)] },
      { label: t("count.expected"), kind: "number", cell: ({ expected }) => number(expected) },
      { label: t("count.counted"), kind: "number", cell: ({ quantity }) => number(quantity) },
      { label: t("count.difference"), kind: "number", cell: ({ quantity, expected }) => h("strong", {}, signed(quantity - expected)) },
    ],
  });
  shown.add(lines);
  return shown;
}
