/** The fields of an item, as people write them; those of a new item and those of one that is edited are the same. */

import { h } from "../core/dom.js";
import { field } from "../core/form.js";
import { amountText, money, t } from "../core/words.js";
import { attributes } from "./attributes.js";

// How the values of some fields are written into them.
const WRITERS = { tags: tagText, price: amountText };

/** Return the fields, which hold what `item` has. With `nullable`, those left empty read as null. */
export function itemFields(item = {}, { nullable = false } = {}) {
  const optional = { nullable };
  return [
    field({ name: "sku", label: t("field.sku"), value: item.sku, required: true, maxlength: 64, autocapitalize: "characters" }),
    field({ name: "name", label: t("field.name"), value: item.name, required: true, maxlength: 200 }),
    field({ name: "description", label: t("field.description"), kind: "lines", value: item.description, ...optional }),
    field({ name: "unit", label: t("field.unit"), value: item.unit, hint: t("item.unit_hint"), ...optional }),
    field({ name: "price", label: t("field.price"), kind: "amount", value: item.price, hint: t("item.price_hint"), ...optional }),
    field({ name: "reorder_level", label: t("field.reorder_level"), kind: "integer", value: item.reorder_level, hint: t("item.level_hint"), ...optional }),
    field({ name: "bin", label: t("field.bin"), value: item.bin, hint: t("item.bin_hint"), ...optional }),
    field({ name: "barcode", label: t("field.barcode"), value: item.barcode, ...optional }),
    field({ name: "tags", label: t("field.tags"), kind: "tags", value: tagText(item.tags), hint: t("item.tags_hint"), ...optional }),
    attributes(item.attributes),
  ];
}

/** Return a value of a field as text, for people. */
export function valueText(name, value) {
  if (value === null || value === undefined || value === "") return t("item.nothing");
  if (name === "price") return money(value);
  if (name === "tags") return tagText(value) || t("item.nothing");
  if (name === "attributes") return Object.entries(value).map(([key, each]) => `${key}: ${each}`).join(", ") || t("item.nothing");
  return String(value);
}

/** Write a value of an item into its field. */
export function write(each, value) {
  if (each.write) each.write(value);
  else each.control.value = WRITERS[each.name]?.(value) ?? value ?? "";
}

/** Return the fields in groups, as a form shows them. */
export function grouped(fields) {
  const node = (name) => fields.find((each) => each.name === name)?.node;
  const columns = (...names) => h("div", { class: "columns" }, names.map(node));
  return [columns("sku", "name"), node("description"), columns("quantity", "location", "unit", "price"), columns("reorder_level", "bin", "barcode", "tags"), node("attributes")];
}

function tagText(tags = []) {
  return tags.join(tags.some((tag) => tag.includes(",")) ? " | " : ", ");
}
