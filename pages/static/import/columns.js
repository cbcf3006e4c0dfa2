/** The columns of a file: what each is read as, which somebody may change. */

import { h, replace, uniqueId } from "../core/dom.js";
import { known, t } from "../core/words.js";

// The columns that the API knows; a test compares them.
const ITEMS = [
  "sku", "name", "description", "unit", "price", "quantity", "reorder_level", "bin", "barcode", "tags", "attributes",
  "expect_quantity", "reason", "location", "unit_cost",
];
const MOVEMENTS = ["sku", "barcode", "kind", "quantity", "reason", "reference", "location", "expect_quantity", "unit_cost", "occurred_at"];

/**
 * Return the columns of a file: {node, show(read, unknown, target), query(), clear()}. `changed()` is called after each
 * change of somebody's. With `places` there are several locations.
 */
export function columnsOf(changed, places) {
  const node = h("section", { class: "stack", hidden: true });
  let chosen = new Map();

  function choose(name, field) {
    // One field has one column: the last choice counts.
    chosen = new Map([...chosen].filter(([other, taken]) => other !== name && taken !== field));
    if (field) chosen.set(name, field);
    changed();
  }

  function row(name, read, target) {
    const label = uniqueId("column");
    // Who has one location never meets the word.
    const fields = (target === "items" ? ITEMS : MOVEMENTS).filter((each) => places || each !== "location" || each === read);
    const options = [
      h("option", { value: "" }, t(read ? "import.column.usual" : "import.column.none")),
      fields.map((each) => h("option", { value: each, selected: each === read }, fieldName(each))),
    ];
    const control = h("select", { "aria-labelledby": label, onchange: () => choose(name, control.value) }, options.flat());
    return h("tr", {}, h("th", { scope: "row", class: "value", id: label }, name), h("td", {}, control));
  }

  return {
    node,
    /** Show the fields by the names of the columns, and the names of columns that are none. */
    show(read, unknown, target) {
      const names = [...new Set([...Object.keys(read), ...unknown, ...chosen.keys()])];
      node.hidden = !names.length;
      const heads = ["import.column.file", "import.column.field"].map((words) => h("th", { scope: "col" }, t(words)));
      const rows = names.map((name) => row(name, read[name] || chosen.get(name), target));
      const table = h("table", {}, h("thead", {}, h("tr", {}, heads)), h("tbody", {}, rows));
      const reset = h("button", { type: "button", onclick: () => (chosen.clear(), changed()) }, t("import.column.reset"));
      replace(node, h("h2", {}, t("import.columns")), h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": t("import.columns") }, table), chosen.size > 0 && h("div", {}, reset));
    },
    /** Return the parameter `columns`. */
    query: () => [...chosen].map(([name, field]) => `${name}:${field}`).join(","),
    clear: () => chosen.clear(),
  };
}

/** Return the words for a field of the API; its name where there are none. */
export function fieldName(name) {
  const key = [`field.${name}`, `import.field.${name}`].find(known);
  return key ? t(key) : name;
}
