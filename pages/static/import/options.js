/** The options of an import, in plain words: what a file is, how it is read, and what its rows do. */

import { h } from "../core/dom.js";
import { field } from "../core/form.js";
import { t } from "../core/words.js";

const CHOICES = {
  quantity: ["", "receive", "issue", "ignore"],
  kind: ["", "receive", "issue", "count", "adjust"],
  on_conflict: ["", "skip", "fail"],
  on_missing: ["", "skip", "fail"],
  match: ["", "barcode"],
  empty: ["", "keep"],
  negative: ["", "zero"],
  extra_columns: ["", "ignore"],
  decimal: ["", ","],
  thousands: ["", ",", ".", "'", " "],
  currency: ["", "ignore"],
};
// How the words of a choice are named, where it is a sign.
const SIGNS = { ",": "comma", ".": "point", "'": "apostrophe", " ": "blank" };
const ENCODINGS = [
  ...[1252, 1250, 1251, 1253, 1254, 1255, 1256, 1257, 1258].map((page) => `windows-${page}`),
  ...["iso-8859-1", "iso-8859-2", "iso-8859-5", "iso-8859-15", "mac-roman", "cp437", "cp850", "cp852", "cp866", "koi8-r", "koi8-u"],
  ...["shift_jis", "gb18030", "big5", "euc-kr", "utf-8", "utf-16-le", "utf-16-be"],
];
const OF_ITEMS = new Set(["preset", "quantity", "on_conflict", "on_missing", "match", "empty", "negative"]);
const OF_ROWS = ["on_conflict", "on_missing", "match", "empty", "negative"];
const OF_FILE = ["extra_columns", "encoding", "decimal", "thousands", "currency", "sheet"];

/**
 * Return the options: {node, fields, target(), path(), query(), set(name, value), forget()}. `presets` are those of the API;
 * `changed()` is called after each change of somebody's.
 */
export function optionsOf(presets, changed) {
  const onchange = () => {
    adapt();
    changed();
  };
  const target = field({
    name: "target", label: t("import.target"), kind: "choice", value: "items", onchange,
    options: ["items", "movements"].map((value) => ({ value, label: t(`import.target.${value}`) })),
  });
  const known = presets.map(({ name, title }) => ({ value: name, label: title }));
  const fields = [
    field({ name: "preset", label: t("import.preset"), kind: "choice", options: [{ value: "", label: t("import.preset.none") }, ...known], onchange }),
    ...Object.keys(CHOICES).map((name) => choice(name, onchange)),
    field({ name: "encoding", label: t("import.encoding"), kind: "choice", options: encodings(), onchange }),
    field({ name: "sheet", label: t("import.sheet"), maxlength: 31, onchange }),
  ];
  const by = Object.fromEntries(fields.map((each) => [each.name, each]));
  const nodes = (names) => names.map((name) => by[name].node);
  const rows = h("div", { class: "columns" }, nodes(OF_ROWS));
  const ofRows = h("section", { class: "stack" }, h("h2", {}, t("import.of_rows")), rows);
  const ofFile = h("section", { class: "stack" }, h("h2", {}, t("import.of_file")), h("div", { class: "columns" }, nodes(OF_FILE)));
  const more = h("details", {}, h("summary", {}, t("import.more")), h("div", { class: "stack" }, ofRows, ofFile));
  const isUsed = (name) => (target.control.value === "items" ? name !== "kind" : !OF_ITEMS.has(name));

  function adapt() {
    for (const each of fields) each.node.hidden = !isUsed(each.name);
    ofRows.hidden = target.control.value !== "items";
  }

  adapt();
  return {
    node: h("div", { class: "stack" }, h("div", { class: "columns" }, target.node, nodes(["preset", "quantity", "kind"])), more),
    fields,
    target: () => target.control.value,
    path: () => `/${target.control.value}/import`,
    /** Return the parameters that differ from what the API does without them. */
    query() {
      const chosen = fields.filter((each) => isUsed(each.name) && each.control.value.trim());
      return Object.fromEntries(chosen.map((each) => [each.name, each.name === "thousands" ? each.control.value : each.control.value.trim()]));
    },
    /** Choose a value for somebody, and show that it is chosen. */
    set(name, value) {
      const { control } = by[name];
      const known = control.tagName !== "SELECT" || [...control.options].some((each) => each.value === value);
      if (!known) control.append(h("option", { value }, value));
      control.value = value;
      if ([...OF_ROWS, ...OF_FILE].includes(name)) more.open = true;
      onchange();
    },
    /** Forget what only one file is like. */
    forget() {
      by.encoding.control.value = by.sheet.control.value = "";
    },
  };
}

function choice(name, onchange) {
  const options = CHOICES[name].map((value) => ({ value, label: t(`import.${name}.${SIGNS[value] || value.trim() || "usual"}`) }));
  return field({ name, label: t(`import.${name}`), kind: "choice", options, onchange });
}

function encodings() {
  return [{ value: "", label: t("import.encoding.usual") }, ...ENCODINGS.map((name) => ({ value: name, label: name }))];
}
