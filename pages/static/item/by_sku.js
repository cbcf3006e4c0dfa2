/** The address that a label has: it leads on to the page of the item with that SKU. */

import { get, path } from "../core/api.js";
import { h } from "../core/dom.js";
import { go } from "../core/router.js";
import { may } from "../core/session.js";
import { t } from "../core/words.js";

/** Go on to the item; or return a page that says that there is none, with ways on. */
export default async function bySku({ params }) {
  const sku = params.rest;
  try {
    const item = await get(path`/items/by-sku/${sku}`);
    await go(`/app/items/${item.id}`, { replaces: true });
    return { title: item.name, content: null };
  } catch (error) {
    if (error.status !== 404 && error.status !== 422) throw error;
  }
  const ways = h(
    "div",
    { class: "actions" },
    h("a", { href: `/app/?${new URLSearchParams({ q: sku })}`, class: "button primary" }, t("item.search_for", { sku })),
    may("write") && h("a", { href: `/app/items/new?${new URLSearchParams({ sku })}`, class: "button" }, t("item.make", { sku })),
  );
  return { title: t("item.none"), content: h("div", { class: "stack" }, h("p", {}, t("item.none_of_sku", { sku })), ways) };
}
