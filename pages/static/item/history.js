/** The history of an item: the plot of its quantity and its ledger, of all of it or of what is at one location. */

import { h } from "../core/dom.js";
import { field } from "../core/form.js";
import { placeOptions } from "../core/places.js";
import { t } from "../core/words.js";
import { ledger } from "./ledger.js";
import { chart } from "./chart.js";

/** Return {node, show(), leave()}. */
export function history(context) {
  const { places } = context.known;
  const movements = ledger(context);
  const plotted = chart(context);
  const options = placeOptions(places, t("stock.filter.everywhere"));
  const where = places.length > 1 && field({ name: "location", label: t("field.location"), kind: "choice", options, value: "", onchange: begin });

  function begin() {
    const location = where ? where.read() || "" : "";
    plotted.begin(location);
    movements.begin(location);
  }

  begin();
  const head = h("div", { class: "bar" }, h("h2", {}, t("item.history")), where && where.node);
  const node = h("section", { class: "stack" }, head, plotted.node, h("h2", {}, t("item.ledger")), movements.node);
  return { node, show: () => Promise.all([plotted.show(), movements.show()]), leave: plotted.leave };
}
