/** What an import would do or has done: its counts, how the file was read, the changes, and the faults. */

import { h } from "../core/dom.js";
import { facts } from "../core/facts.js";
import { table } from "../core/table.js";
import { money, number, t } from "../core/words.js";
import { fieldName } from "./columns.js";

const COUNTS = ["rows", "created", "updated", "unchanged", "skipped", "counted", "emptied", "recorded"];
// What a count that is 0 says nothing with.
const ONLY_IF_ANY = new Set(["skipped", "counted", "emptied"]);
const READ = ["format", "encoding", "delimiter", "decimal", "sheet"];
const SIGNS = { ",": "comma", ".": "point", ";": "semicolon", "\t": "tab", "|": "bar" };
const SHOWN = 100;

/** Return how many rows the answer of an import says are written, or would be. */
export function written(outcome) {
  return outcome.recorded ?? outcome.created + outcome.updated;
}

/** Return the counts of an outcome. */
export function counts(outcome) {
  const names = COUNTS.filter((name) => name in outcome && (outcome[name] || !ONLY_IF_ANY.has(name)));
  return facts(names.map((name) => [t(`import.count.${name}`), number(outcome[name])]));
}

/** Return how a file was read: its format, encoding and signs. */
export function readAs(read) {
  const names = READ.filter((name) => read[name] !== null && read[name] !== undefined);
  const words = (name) => (name in { delimiter: 1, decimal: 1 } && SIGNS[read[name]] ? t(`import.sign.${SIGNS[read[name]]}`) : name === "format" ? read[name].toUpperCase() : read[name]);
  return h("section", { class: "stack" }, h("h2", {}, t("import.read_as")), facts(names.map((name) => [t(`import.read.${name}`), words(name)])));
}

/** Return the changes of a dry run. */
export function changesOf(changes) {
  const columns = [
    { label: t("import.row"), kind: "number minor", cell: (each) => number(each.row) },
    { label: t("field.sku"), kind: "code", head: true, cell: (each) => each.sku },
    { label: t("import.field"), cell: (each) => fieldName(each.field) },
    { label: t("import.from"), kind: "value", cell: (each) => value(each.from, each.field) },
    { label: t("import.to"), kind: "value", cell: (each) => value(each.to, each.field) },
  ];
  return part(t("import.changes"), t("import.changes_note", { n: changes.length }), columns, changes);
}

/** Return the faults of the rows of a file, and how many there are of each kind. */
export function faultsOf({ errors, error_counts: byCode }) {
  const columns = [
    { label: t("import.line"), kind: "number", cell: (each) => number(each.line) },
    { label: t("import.column"), head: true, cell: (each) => each.column },
    { label: t("import.value"), kind: "code value", cell: (each) => each.value },
    { label: t("import.message"), kind: "wide", cell: (each) => each.message },
  ];
  const total = Object.values(byCode).reduce((sum, n) => sum + n, 0);
  const codes = Object.entries(byCode).map(([code, n]) => h("li", {}, h("span", { class: "badge bad" }, number(n)), h("code", {}, code)));
  return part(t("import.faults"), [t("import.faults_note", { n: errors.length, total }), h("ul", { class: "codes" }, codes)], columns, errors);
}

function part(title, note, columns, rows) {
  const shown = table({ caption: title, columns });
  const more = h("button", { type: "button", onclick: () => (shown.add(rows.slice(SHOWN)), more.remove()) }, t("import.all", { n: rows.length }));
  shown.add(rows.slice(0, SHOWN));
  return h("section", { class: "stack" }, h("h2", {}, title), h("div", { class: "muted" }, note), shown.node, rows.length > SHOWN && h("div", {}, more));
}

/** Return a value of the API as text: what is empty says so, and long texts may break anywhere. */
function value(any, field) {
  if (any === null || any === undefined || any === "" || (Array.isArray(any) && !any.length)) return h("span", { class: "muted" }, t("import.nothing"));
  if (Array.isArray(any)) return any.join(", ");
  if (field === "price") return money(any);
  return typeof any === "number" ? number(any) : typeof any === "object" ? JSON.stringify(any) : String(any);
}
