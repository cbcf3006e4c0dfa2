/** The stock: every item, searched as one types, filtered, sorted, and read on without a jump. */

import { get } from "../core/api.js";
import { h, refocus, replace } from "../core/dom.js";
import { field } from "../core/form.js";
import { allPlaces, placeOptions } from "../core/places.js";
import { go } from "../core/router.js";
import { may } from "../core/session.js";
import { onward, table } from "../core/table.js";
import { date, money, number, t } from "../core/words.js";

const PAUSE = 150; // milliseconds without a letter, after which is searched
const SHOWN = 50;
const FILTERS = ["q", "location", "tag", "low_stock", "archived", "sort"];

/** Return the page; the query of its address has the search, so that it can be kept and gone back to. */
export default async function stock({ query, remember }) {
  const chosen = Object.fromEntries(FILTERS.map((name) => [name, query.get(name) || ""]));
  const totals = h("p", { class: "totals" });
  const list = h("div");
  const end = onward(add, () => empty(chosen));
  const controller = new AbortController();
  let fields = [];
  let shown;
  let waiting;

  function search(pause = 0) {
    clearTimeout(waiting);
    waiting = setTimeout(() => {
      for (const each of fields) chosen[each.name] = String(each.read() || "");
      begin();
    }, pause);
  }

  function begin() {
    remember(chosen);
    shown = items(chosen, sortBy);
    const asked = { ...chosen, limit: SHOWN };
    return end.start((cursor) => get("/items", { ...asked, cursor }, { signal: controller.signal }));
  }

  function add(rows, isFirst) {
    if (isFirst) replace(list, rows.length ? shown.node : null);
    shown.add(rows);
  }

  async function sortBy(name) {
    chosen.sort = name;
    await begin();
    refocus(list.querySelector("[aria-sort$=ending] button"));
  }

  const [places] = await Promise.all([allPlaces(), begin()]);
  fields = filters(chosen, places, search);
  showTotals(totals).catch(() => totals.remove());
  document.addEventListener("keydown", onkey);
  return {
    title: t("stock.title"),
    actions: may("write") && h("a", { href: "/app/items/new", class: "button primary" }, t("stock.new")),
    content: [h("search", { class: "filters" }, fields.map((each) => each.node)), totals, list, end.node],
    leave() {
      clearTimeout(waiting);
      controller.abort();
      document.removeEventListener("keydown", onkey);
    },
  };
}

function filters(chosen, places, search) {
  const options = placeOptions(places, t("stock.filter.everywhere"));
  const typed = { oninput: () => search(PAUSE) };
  const changed = { onchange: () => search() };
  const all = [
    field({ name: "q", label: t("stock.search"), value: chosen.q, hint: t("stock.search_hint"), type: "search", id: "search", ...typed }),
    field({ name: "location", label: t("stock.filter.location"), kind: "choice", options, value: chosen.location, ...changed }),
    field({ name: "tag", label: t("stock.filter.tag"), value: chosen.tag, ...typed }),
    field({ name: "low_stock", label: t("stock.filter.low"), kind: "check", value: chosen.low_stock === "true", ...changed }),
    field({ name: "archived", label: t("stock.filter.archived"), kind: "check", value: chosen.archived === "true", ...changed }),
  ];
  // Who has one location never meets the word.
  return all.filter((each) => each.name !== "location" || places.length > 1);
}

function items(chosen, onsort) {
  const isLow = (item) => item.reorder_level !== null && item.available <= item.reorder_level;
  const mark = (item) => isLow(item) && h("span", { class: "badge low" }, t("stock.low"));
  return table({
    caption: t("stock.title"),
    sorted: chosen.sort,
    onsort,
    open: (item) => go(`/app/items/${item.id}`),
    columns: [
      { label: t("field.sku"), kind: "code minor", sort: "sku", cell: (item) => item.sku },
      { label: t("field.name"), kind: "wide", head: true, sort: "name", cell: (item) => [h("a", { href: `/app/items/${item.id}` }, item.name), " ", mark(item), h("div", { class: "narrow muted" }, item.sku)] },
      { label: t("field.quantity"), kind: "number", sort: "quantity", cell: (item) => number(item.quantity) },
      { label: t("field.available"), kind: "number minor", cell: (item) => number(item.available) },
      { label: t("field.unit"), kind: "minor", cell: (item) => item.unit || "" },
      { label: t("field.price"), kind: "number minor", sort: "price", cell: (item) => money(item.price) },
      { label: t("field.bin"), kind: "bin minor", cell: (item) => item.bin || "" },
      { label: t("field.tags"), kind: "minor no-print", cell: (item) => item.tags.map((tag) => h("span", { class: "badge" }, tag)) },
      { label: t("field.updated_at"), kind: "minor no-print", sort: "updated_at", cell: (item) => date(item.updated_at) },
    ],
  });
}

async function showTotals(element) {
  const { items: n, units, low_stock: low, value } = await get("/stats");
  const parts = [t("stock.total", { n }), t("stock.total_units", { n: units }), t("stock.total_value", { value: money(value) }), t("stock.total_low", { n: low })];
  replace(element, parts.map((part) => h("span", {}, part)));
}

function empty(chosen) {
  if (FILTERS.some((name) => name !== "sort" && chosen[name])) {
    return h("div", { class: "empty" }, h("p", {}, t("stock.nothing")), h("p", {}, h("a", { href: "/app/" }, t("stock.clear"))));
  }
  const ways = may("write") && [
    h("p", {}, t("stock.empty_hint")),
    h("div", { class: "actions" }, [
      h("a", { href: "/app/items/new", class: "button primary" }, t("stock.new")),
      h("a", { href: "/app/import", class: "button" }, t("nav.import")),
    ]),
  ];
  return h("div", { class: "empty" }, h("p", {}, t("stock.empty")), ways);
}

/** "/" goes to the search; the arrows go from row to row, and Enter opens what has the focus. */
function onkey(event) {
  if (document.querySelector("dialog[open]") || event.ctrlKey || event.metaKey || event.altKey) return;
  const search = document.getElementById("search");
  if (event.key === "/" && !event.target.closest("input, textarea, select")) {
    event.preventDefault();
    search.focus();
    search.select();
  }
  if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
  const links = [...document.querySelectorAll("tbody th a")];
  const at = links.indexOf(document.activeElement);
  if (at < 0 && document.activeElement !== search) return;
  event.preventDefault();
  const next = event.key === "ArrowDown" ? at + 1 : at - 1;
  if (next < 0) search.focus();
  else links[Math.min(next, links.length - 1)]?.focus();
}
