/** Tables: real ones, with headers that sort, and lists that are read on and on by cursor. */

import { h, replace } from "./dom.js";
import { failure } from "./status.js";
import { t } from "./words.js";

/**
 * Return a table: {node, add(rows), renew(rows), has(id)}.
 *
 * `columns` are {label, cell(row), kind, sort}: `cell` returns texts and elements, `kind` is a class ("number", "wide",
 * "minor": left out on narrow screens, "controls": below the others there), `sort` the name that the API sorts by.
 * `sorted` is the name by which the rows are sorted, with "-" before it for the other way; `onsort(name)` is called with
 * the next. `open(row)` makes rows open, except while their text is being selected. What has the class "narrow" is shown
 * where minor columns are not.
 */
export function table({ caption, columns, sorted, onsort, open }) {
  const body = h("tbody");
  const shown = new Map();
  const make = (row) => {
    const made = line(row, columns, open);
    shown.set(row.id, made);
    return made;
  };
  const heads = columns.map((column) => head(column, sorted, onsort));
  const node = h("table", {}, h("caption", { class: "unseen" }, caption), h("thead", {}, h("tr", {}, heads)), body);
  return {
    node: h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": caption }, node),
    add: (rows) => body.append(...rows.map(make)),
    /** Show rows anew where they stand, by their ids, and those that are not there on top; the focus stays in its row. */
    renew: (rows) => [...rows].reverse().forEach((row) => renewed(body, shown.get(row.id), make(row))),
    has: (id) => Boolean(shown.get(id)?.isConnected),
  };
}

function head({ label, kind, sort }, sorted = "", onsort) {
  if (!sort || !onsort) return h("th", { scope: "col", class: kind }, label);
  const [up, down] = [sorted === sort, sorted === `-${sort}`];
  const order = up ? "ascending" : down ? "descending" : "none";
  const sign = h("span", { "aria-hidden": "true" }, up ? " ▲" : down ? " ▼" : "");
  const button = h("button", { type: "button", class: "plain", onclick: () => onsort(up ? `-${sort}` : sort) }, label, sign);
  return h("th", { scope: "col", class: kind, "aria-sort": order }, button);
}

function renewed(body, before, made) {
  const focused = before?.contains(document.activeElement);
  if (before?.isConnected) before.replaceWith(made);
  else body.prepend(made);
  if (focused) made.querySelector("a, button")?.focus();
}

function line(row, columns, open) {
  const cells = columns.map((column) => h(column.head ? "th" : "td", { class: column.kind, scope: column.head && "row" }, column.cell(row)));
  const opens = open && ((event) => event.target.closest("a, button, input") || String(getSelection()) || open(row));
  return h("tr", { class: opens && "opens", onclick: opens || undefined }, cells);
}

/**
 * Return the end of a list, which reads on when it comes into view: {node, start(load), readOn(pages)}.
 *
 * `load(cursor)` returns {data, next_cursor} of the API; the first cursor is "". `add(rows, isFirst)` shows the rows, of
 * the newest `start` only, and `empty()` returns what to show in place of none. Nothing that is seen moves.
 */
export function onward(add, empty = null) {
  const more = h("button", { type: "button", onclick: () => read() }, t("more"));
  const node = h("div", { class: "onward" });
  let load = null;
  let cursor = "";
  let run = 0;
  let reading = null;
  new IntersectionObserver((entries) => entries.some((entry) => entry.isIntersecting) && cursor && read(), {
    rootMargin: "600px",
  }).observe(node);

  function read() {
    const mine = run;
    reading ??= readPage().finally(() => mine === run && (reading = null));
    return reading;
  }

  async function readPage() {
    if (!load) return false;
    const [mine, first] = [run, cursor === ""];
    more.disabled = true;
    try {
      const page = await load(cursor);
      if (mine !== run) return false;
      cursor = page.next_cursor;
      add(page.data, first);
      replace(node, cursor ? more : first && !page.data.length ? empty?.() : null);
      return true;
    } catch (error) {
      if (mine === run && error.name !== "AbortError") replace(node, failure(error, () => read()));
      return false;
    } finally {
      if (mine === run) more.disabled = false;
    }
  }

  return {
    node,
    /** Begin anew with another way to load. */
    start(loads) {
      load = loads;
      cursor = "";
      run += 1;
      reading = null;
      return read();
    },
    /** Read on, by up to so many pages; returns whether nothing is left. */
    async readOn(pages) {
      for (let left = pages; cursor && left > 0; left -= 1) if (!(await read())) break;
      return !cursor;
    },
  };
}
