/** A look at an item: what there is of it, and where. */

import { get, path } from "../core/api.js";
import { h } from "../core/dom.js";
import { facts } from "../core/facts.js";
import { number, t } from "../core/words.js";
import { placed } from "../item/stocks.js";
import { findItem } from "../offline/item.js";

/** Return an element with the item of a code, and its stock at each of the `places`; null if no item has the code. Raises Unreachable. */
export async function look(code, places) {
  const item = await findItem(code);
  if (!item) return null;
  const several = places.length > 1;
  const { data: stocks } = several ? await get(path`/items/${item.id}/stocks`) : { data: [] };
  const low = item.reorder_level !== null && item.available <= item.reorder_level;
  return h(
    "section",
    { class: "card stack" },
    h("h2", {}, h("a", { href: `/app/items/${item.id}` }, item.name), " ", low && h("span", { class: "badge low" }, t("stock.low"))),
    h("p", { class: "code" }, item.sku),
    facts([
      [t("field.quantity"), `${number(item.quantity)} ${item.unit}`],
      [t("field.available"), number(item.available)],
      [t("field.bin"), !several && item.bin],
    ]),
    several && h("h3", {}, t("item.stocks")),
    several && facts(placed({ item, stocks, places }).map(({ place, quantity, bin }) => [place, [number(quantity), bin].filter(Boolean).join(" · ")])),
  );
}
