/** Lists of cards, which are read on and on by cursor. */

import { h, refocus, replace } from "./dom.js";
import { onward } from "./table.js";

/**
 * Return a list of cards: {node, start(), renew()}. `load(cursor)` returns a page of the API, `card(row)` the card of a
 * row, a `li`, and `empty()` what to show in place of none. `renew` shows the list anew after something was done with it.
 */
export function cards(load, card, empty) {
  const list = h("ul", { class: "cards listed", tabindex: "-1" });
  const end = onward(add, empty);
  const start = () => end.start(load);

  function add(rows, isFirst) {
    if (isFirst) replace(list);
    list.append(...rows.map(card));
  }

  async function renew() {
    await start();
    refocus(list);
  }

  return { node: h("div", {}, list, end.node), start, renew };
}
