/** The facts of an item: how many there are, and what is written about it. */

import { h, replace } from "../core/dom.js";
import { facts as factList } from "../core/facts.js";
import { date, money, number, t } from "../core/words.js";

/** Return {node, show()} of how many there are. */
export function figures({ known }) {
  return part(h("section", { "aria-label": t("field.quantity") }), () => numbers(known.item));
}

/** Return {node, show()} of what is written about it. */
export function facts({ known }) {
  return part(h("section", { class: "card stack", "aria-label": t("item.facts") }), () => written(known.item));
}

function part(node, content) {
  const show = () => replace(node, content());
  show();
  return { node, show };
}

function numbers(item) {
  const isLow = item.reorder_level !== null && item.available <= item.reorder_level;
  const away = item.quantity - item.reserved - item.available;
  return h(
    "dl",
    { class: "figures" },
    figure(t("field.quantity"), number(item.quantity), item.unit),
    (item.reserved > 0 || away > 0) && figure(t("field.available"), number(item.available)),
    item.reserved > 0 && figure(t("field.reserved"), number(item.reserved)),
    away > 0 && figure(t("item.on_its_way"), number(away)),
    item.reorder_level !== null && figure(t("field.reorder_level"), number(item.reorder_level), isLow && h("span", { class: "badge low" }, t("stock.low"))),
  );
}

function figure(label, value, beside) {
  return h("div", {}, h("dt", {}, label), h("dd", {}, value, beside && h("span", { class: "beside" }, " ", beside)));
}

function written(item) {
  const entries = [
    [t("field.sku"), h("span", { class: "code" }, item.sku)],
    [t("field.price"), money(item.price)],
    [t("field.bin"), item.bin],
    [t("field.barcode"), item.barcode && h("span", { class: "code" }, item.barcode)],
    [t("field.tags"), item.tags.length > 0 && item.tags.map(tag)],
    ...Object.entries(item.attributes).map(([name, value]) => [name, String(value)]),
    [t("field.updated_at"), date(item.updated_at)],
  ];
  return [
    item.description && h("p", { class: "description" }, item.description),
    factList(entries),
  ];
}

function tag(text) {
  return h("a", { class: "badge", href: `/app/?${new URLSearchParams({ tag: text })}` }, text);
}
