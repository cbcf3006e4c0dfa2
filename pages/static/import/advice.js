/** What to do next with a file, in words, and in buttons where the API names a way. */

import { h } from "../core/dom.js";
import { t } from "../core/words.js";
import { written } from "./outcome.js";

/** Return what a dry run without faults has found. */
export function finding(outcome) {
  if (written(outcome) === 0) return h("div", { class: "notice" }, h("p", {}, t("import.found.nothing")));
  const careful = outcome.counted > 0 && h("p", {}, t("import.found.counted", { n: outcome.counted }));
  const emptied = outcome.emptied > 0 && h("p", {}, t("import.found.emptied", { n: outcome.emptied }));
  const kind = careful || emptied ? "warn" : "good";
  return h("div", { class: `notice ${kind}` }, h("p", {}, t("import.found.ready")), careful, emptied);
}

/** Return the ways out of faults of the header as buttons; `set(name, value)` chooses an option, as one of `presets`. */
export function advice(errors, set, presets) {
  const ways = [];
  const named = errors.map((each) => /\badd preset=([\w-]+)/.exec(each.message)).find(Boolean);
  const preset = named && presets.find((each) => each.name === named[1]);
  if (preset) ways.push(way(t("import.way.preset", { title: preset.title }), () => set("preset", preset.name)));
  if (errors.some((each) => each.code === "unknown_column")) ways.push(way(t("import.way.ignore"), () => set("extra_columns", "ignore")));
  return ways.length > 0 && h("div", { class: "actions" }, ways);
}

/** Return the likely encodings of a file as buttons, each with how a cell of the file would be read. */
export function encodings(likely, choose) {
  const one = ({ encoding, cell }) => h("button", { type: "button", onclick: () => choose(encoding) }, h("q", {}, cell), h("span", { class: "muted" }, encoding));
  return h("section", { class: "stack" }, h("h2", {}, t("import.which_encoding")), h("p", {}, t("import.which_encoding_hint")), h("div", { class: "actions encodings" }, likely.map(one)));
}

function way(words, onclick) {
  return h("button", { type: "button", onclick }, words);
}
