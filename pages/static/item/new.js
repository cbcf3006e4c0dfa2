/** The page where an item is made. */

import { path, send } from "../core/api.js";
import { h } from "../core/dom.js";
import { field, form } from "../core/form.js";
import { allPlaces } from "../core/places.js";
import { go } from "../core/router.js";
import { attempt, say } from "../core/status.js";
import { t } from "../core/words.js";
import { choice } from "./places.js";
import { grouped, itemFields } from "./fields.js";

/** Return the page; the query may have what is known already, as a SKU that was scanned. */
export default async function newItem({ query }) {
  const places = await allPlaces();
  const standard = places.find((place) => place.default)?.code;
  const known = Object.fromEntries(["sku", "name", "barcode"].map((name) => [name, query.get(name) ?? undefined]));
  const fields = [
    ...itemFields(known),
    field({ name: "quantity", label: t("item.opening"), kind: "integer", hint: t("item.opening_hint") }),
    choice({ places }, { label: t("item.opening_place"), value: standard }),
  ].filter(Boolean);

  fields.find((each) => each.name === (known.sku ? "name" : "sku")).control.autofocus = true;

  async function run({ quantity, location = standard, ...values }, key) {
    const elsewhere = quantity > 0 && location !== standard;
    const body = { ...values, ...(quantity !== undefined && !elsewhere && { quantity }) };
    const { data: item } = await send("POST", "/items", { body, key });
    if (elsewhere) await open(item, quantity, location, key);
    await go(`/app/items/${item.id}`);
    say(t("item.made", { name: item.name }), "good");
  }

  const shape = form({ fields, submit: t("item.make_it"), run, cancel: () => go("/app/"), kind: "item-form", arrange: grouped });
  return { title: t("stock.new"), content: h("div", {}, shape) };
}

/** Record the first stock of an item at another location than the default one, where the API opens it. */
function open(item, quantity, location, key) {
  const body = { kind: "receive", quantity, location, reason: t("item.reason.opening") };
  return attempt(() => send("POST", path`/items/${item.id}/movements`, { body, key: `${key}-opening` }));
}
