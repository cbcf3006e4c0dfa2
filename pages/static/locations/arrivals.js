/** The transfers whose goods are on their way, and what has arrived of them. */

import { getAll, path, send } from "../core/api.js";
import { ask } from "../core/ask.js";
import { h } from "../core/dom.js";
import { Mistake, field } from "../core/form.js";
import { isPermitted, may } from "../core/session.js";
import { table } from "../core/table.js";
import { missing, outstanding } from "../core/transfers.js";
import { number, t, time } from "../core/words.js";

const ON_THEIR_WAY = ["in_transit", "partly_received"];

/** Return the transfers whose goods are on their way, those sent first before. */
export async function loadTransfers() {
  const lists = await Promise.all(ON_THEIR_WAY.map((state) => getAll("/transfers", { state })));
  return lists.flat().sort((one, other) => one.id - other.id);
}

/** Return the list of these transfers; `show(message)` shows the page anew, and what has become of one. */
export function arrivals(transfers, show) {
  const receipt = (each) => {
    const name = t("locations.arrive_of", { reason: each.reason, from: each.from, to: each.to });
    return h("div", { class: "actions" }, h("button", { type: "button", "aria-label": name, onclick: () => receive(each, show) }, t("locations.arrive")));
  };
  const shown = table({
    caption: t("locations.on_their_way"),
    columns: [
      { label: t("locations.transfer"), kind: "wide", head: true, cell: (each) => [`${each.from} → ${each.to}`, h("div", { class: "muted" }, each.reason, each.reference && ` · ${each.reference}`)] },
      { label: t("locations.on_its_way"), kind: "number", cell: ({ lines }) => number(outstanding(lines)) },
      { label: t("locations.sent"), kind: "minor", cell: (each) => time(each.created_at) },
      { label: t("locations.sent_by"), kind: "minor", cell: (each) => each.user },
      { label: h("span", { class: "unseen" }, t("locations.acts")), kind: "controls", cell: (each) => may("write") && isPermitted(each.to) && receipt(each) },
    ],
  });
  shown.add(transfers);
  return shown.node;
}

/** Ask how many units of each line have arrived, all of them unless said otherwise, and record it. */
async function receive(transfer, show) {
  const lines = transfer.lines.filter((line) => missing(line) > 0);
  const fields = lines.map((line) =>
    field({ name: String(line.line), label: line.sku, kind: "integer", value: String(missing(line)), hint: t("locations.of", { n: missing(line) }), required: true }),
  );
  const run = async (values, key) => {
    const arrived = lines.map(({ line }) => ({ line, received: values[line] })).filter((each) => each.received !== 0);
    if (arrived.length === 0) throw new Mistake(t("locations.nothing_arrived"));
    return (await send("POST", path`/transfers/${transfer.id}/receipts`, { body: { lines: arrived }, key })).data;
  };
  const text = t("locations.arrive_ask", { from: transfer.from, to: transfer.to });
  const received = await ask(t("locations.arrive"), { text, fields, submit: t("locations.arrive"), run });
  if (received) await show(t("locations.arrived", { n: outstanding(received.lines) }));
}
