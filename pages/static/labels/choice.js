/** Which items get labels, and how many each: found as one types, or all that lies at a place. */

import { get, getAll } from "../core/api.js";
import { h, replace, uniqueId } from "../core/dom.js";
import { field } from "../core/form.js";
import { placeOptions } from "../core/places.js";
import { failure } from "../core/status.js";
import { parseInteger, t } from "../core/words.js";

const PAUSE = 150; // milliseconds without a letter, after which is searched
const SHOWN = 20;
const FIELDS = "id,sku,name,quantity";
const MOST_ITEMS = 1000;
const MOST_OF_ONE = 500;

/**
 * Return the choice of items: {node, chosen(), leave()}; `places` are the locations, `first` the items chosen at first.
 * `changed()` is called after each change of somebody's.
 */
export function itemChoice(places, first, changed) {
  const chosen = new Map(first.map((item) => [item.id, entry(item)]));
  const q = field({ name: "q", label: t("labels.search"), hint: t("labels.search_hint"), type: "search", oninput: () => search(PAUSE) });
  const place = field({
    name: "location", label: t("field.location"), kind: "choice", onchange: () => search(),
    options: placeOptions(places, t("stock.filter.everywhere")),
  });
  place.node.hidden = places.length < 2; // who has one location never meets the word
  const found = h("div", { class: "found" });
  const list = h("div", { class: "chosen" });
  let controller = new AbortController();
  let waiting;

  function search(pause = 0) {
    clearTimeout(waiting);
    waiting = setTimeout(find, pause);
  }

  function query() {
    return { q: q.control.value.trim(), location: place.control.value, fields: FIELDS, sort: "sku" };
  }

  async function find() {
    controller.abort();
    controller = new AbortController();
    try {
      const page = await get("/items", { ...query(), limit: SHOWN, cursor: "" }, { signal: controller.signal });
      replace(found, page.data.length ? [ticks(page.data), page.next_cursor && h("p", { class: "muted" }, t("labels.more", { n: SHOWN })), all()] : nothing());
    } catch (error) {
      if (error.name !== "AbortError") replace(found, failure(error, find));
    }
  }

  function nothing() {
    if (q.control.value.trim() || place.control.value) return h("p", { class: "muted" }, t("stock.nothing"));
    return h("div", { class: "empty" }, h("p", {}, t("stock.empty")), h("p", {}, h("a", { href: "/app/items/new" }, t("stock.new"))));
  }

  function ticks(items) {
    return h("ul", { class: "ticks", "aria-label": t("labels.found") }, items.map((item) => h("li", {}, tick(item))));
  }

  function tick(item) {
    const id = uniqueId("item");
    const box = h("input", { type: "checkbox", id, checked: chosen.has(item.id), "data-item": item.id, onchange: () => (box.checked ? take([item]) : drop(item)) });
    return h("div", { class: "field check" }, box, h("label", { for: id }, h("span", { class: "sku" }, item.sku), " ", item.name));
  }

  function all() {
    const button = h("button", { type: "button", onclick: takeAll }, t("labels.take_all"));
    return h("div", { class: "actions" }, button);

    /** Take all that match, page by page. */
    async function takeAll() {
      button.disabled = true;
      try {
        take(await getAll("/items", query(), { most: MOST_ITEMS, signal: controller.signal }));
      } catch (error) {
        if (error.name !== "AbortError") replace(found, failure(error, find));
      } finally {
        button.disabled = false;
      }
    }
  }

  function take(items) {
    for (const item of items) if (!chosen.has(item.id) && chosen.size < MOST_ITEMS) chosen.set(item.id, entry(item));
    show();
    changed();
  }

  function drop(item) {
    chosen.delete(item.id);
    show();
    changed();
  }

  function show() {
    for (const box of found.querySelectorAll("input")) box.checked = chosen.has(Number(box.dataset.item));
    if (!chosen.size) {
      replace(list, h("p", { class: "muted" }, t("labels.none")));
      return;
    }
    const heads = [h("th", { scope: "col" }, t("labels.item")), h("th", { scope: "col" }, t("labels.copies")), h("th", { scope: "col" }, h("span", { class: "unseen" }, t("remove")))];
    const table = h("table", {}, h("thead", {}, h("tr", {}, heads)), h("tbody", {}, [...chosen.values()].map((each) => each.line)));
    const region = h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": t("labels.chosen") }, table);
    const most = chosen.size >= MOST_ITEMS && h("p", { class: "notice warn" }, t("labels.most"));
    replace(list, h("p", {}, t("labels.chosen_n", { n: chosen.size })), most, region, h("div", { class: "actions" }, [
      h("button", { type: "button", onclick: () => copy((item) => item.quantity) }, t("labels.as_stock")),
      h("button", { type: "button", onclick: () => copy(() => 1) }, t("labels.one_each")),
      h("button", { type: "button", onclick: clear }, t("labels.clear")),
    ]));
  }

  /** Return {item, copies, line}: `copies` is the field of how many, in the line of the table. */
  function entry(item) {
    const label = h("span", { class: "unseen" }, t("labels.copies_of", { sku: item.sku }));
    const copies = field({ name: "copies", label, kind: "integer", value: "1", oninput: changed });
    const remove = h("button", { type: "button", class: "plain", "aria-label": `${t("remove")}: ${item.sku}`, onclick: () => drop(item) }, "✕");
    const line = h("tr", {}, h("th", { scope: "row", class: "wide" }, h("span", { class: "sku" }, item.sku), " ", item.name), h("td", {}, copies.node), h("td", {}, remove));
    return { item, copies, line };
  }

  function copy(many) {
    for (const { item, copies } of chosen.values()) copies.control.value = String(many(item));
    changed();
  }

  function clear() {
    chosen.clear();
    show();
    changed();
  }

  show();
  find();
  return {
    node: h("div", { class: "stack" }, q.node, place.node, found, list),
    /** Return {item, copies} of each that is chosen; null if a number of copies is wrong, which is shown. */
    chosen() {
      const all = [...chosen.values()].map(({ item, copies }) => ({ item, copies: copiesIn(copies) }));
      return all.every(({ copies }) => copies !== null) ? all : null;
    },
    leave() {
      clearTimeout(waiting);
      controller.abort();
    },
  };
}

function copiesIn(each) {
  const copies = parseInteger(each.control.value);
  const isRight = copies >= 0 && copies <= MOST_OF_ONE;
  if (isRight) each.accept();
  else each.refuse(t("labels.bounds", { least: 0, most: MOST_OF_ONE }));
  return isRight ? copies : null;
}
