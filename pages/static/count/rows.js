/** The rows of a count: each item with a field for what was counted. */

import { h, replace } from "../core/dom.js";
import { number, t } from "../core/words.js";

const SHOWN = 200; // rows; a list of thousands is read on, searched, or scanned

/**
 * Return {node, show(rows, entries), blind(hidden), set(row, entry), jump(row)}. `changed(row, text)` is called with what
 * somebody writes into the field of a row.
 */
export function rowsOf(changed) {
  const body = h("tbody");
  const heads = [["wide", t("field.name")], ["number expected", t("count.expected")], ["number", t("count.counted")]];
  const head = h("thead", {}, h("tr", {}, heads.map(([kind, words]) => h("th", { scope: "col", class: kind }, words))));
  const table = h("table", { class: "counting" }, h("caption", { class: "unseen" }, t("count.list")), head, body);
  const more = h("button", { type: "button", onclick: () => add(SHOWN) }, t("more"));
  const node = h("div", { class: "stack" }, h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": t("count.list") }, table), h("div", { class: "onward" }, more));
  const lines = new Map();
  let [all, entered, next] = [[], {}, 0];

  function add(n) {
    const until = Math.min(all.length, next + n);
    for (; next < until; next += 1) body.append(lineOf(all[next]));
    more.hidden = next >= all.length;
  }

  function lineOf(row) {
    const input = h("input", { inputmode: "numeric", autocomplete: "off", maxlength: 13, "aria-label": t("count.of", { name: row.name }), oninput: () => changed(row, input.value) });
    const note = h("div");
    const name = h("th", { scope: "row", class: "wide" }, h("div", {}, row.name), h("div", { class: "muted" }, [row.sku, row.bin].filter(Boolean).join(" · ")), note);
    const line = h("tr", {}, name, h("td", { class: "number expected" }, number(row.expected)), h("td", { class: "number" }, input));
    lines.set(row.id, { line, input, note });
    fill(row, entered[row.id]);
    return line;
  }

  function fill(row, entry) {
    const { line, input, note } = lines.get(row.id);
    if (input.value !== (entry?.text ?? "")) input.value = entry?.text ?? "";
    line.classList.toggle("counted", Boolean(entry));
    const was = entry?.was ?? entry?.expected ?? row.expected;
    replace(note, was !== row.expected && h("span", { class: "badge warn" }, t("count.moved", { was, now: row.expected })));
  }

  return {
    node,
    show(rows, entries) {
      [all, entered, next] = [rows, entries, 0];
      lines.clear();
      replace(body);
      add(SHOWN);
      node.hidden = !rows.length;
    },
    blind: (hidden) => table.classList.toggle("blind", hidden),
    set: (row, entry) => lines.has(row.id) && fill(row, entry),
    /** Bring a row into view and mark it as the last. */
    jump(row) {
      if (!lines.has(row.id)) add(all.indexOf(row) - next + 1);
      for (const each of body.querySelectorAll(".last")) each.classList.remove("last");
      lines.get(row.id).line.classList.add("last");
      lines.get(row.id).line.scrollIntoView({ block: "center" });
    },
  };
}
