/** The stocks of an item: how many lie at which location. Who has one location never meets them. */

import { path, send } from "../core/api.js";
import { ask } from "../core/ask.js";
import { h, replace } from "../core/dom.js";
import { field } from "../core/form.js";
import { placeLabel } from "../core/places.js";
import { may } from "../core/session.js";
import { attempt } from "../core/status.js";
import { table } from "../core/table.js";
import { number, t } from "../core/words.js";

const IN_TRANSIT = "IN_TRANSIT";

/** Return {node, show()}. */
export function stocks({ known, changed }) {
  const node = h("section", { class: "stack" });
  const show = () => replace(node, known.places.length > 1 && [h("h2", {}, t("item.stocks")), list(known, change)]);

  async function change(stock) {
    if (!(await edit(stock, known))) return;
    await changed(t("item.saved"));
    [...node.querySelectorAll("button")].find((each) => each.ariaLabel === editing(stock))?.focus();
  }

  show();
  return { node, show };
}

/** Return the name of a location for the reader; that of goods on their way is no place. */
export function placeName(code, places) {
  if (code === IN_TRANSIT) return t("item.on_its_way");
  return placeLabel(places.find((place) => place.code === code) || { code });
}

/** Return the stocks of an item as they are shown: each with its `place`, and what is on its way at the end. */
export function placed({ item, stocks, places }) {
  const first = places.find((place) => place.default)?.code;
  // The bin of the item is at the default location.
  const rows = stocks.map((stock) => ({ ...stock, place: placeName(stock.location, places), bin: stock.bin || (stock.location === first ? item.bin : "") }));
  return rows.toSorted((one, other) => (one.location === IN_TRANSIT) - (other.location === IN_TRANSIT));
}

function list(known, change) {
  const rows = placed(known);
  const isEditable = ({ location }) => may("write") && !known.item.archived && known.places.some((place) => place.code === location);
  const button = (stock) => isEditable(stock) && h("button", { type: "button", "aria-label": editing(stock), onclick: () => change(stock) }, t("edit"));
  const columns = [
    { label: t("field.location"), kind: "wide", head: true, cell: (stock) => stock.place },
    { label: t("field.quantity"), kind: "number", cell: (stock) => number(stock.quantity) },
    { label: t("field.available"), kind: "number", cell: (stock) => [low(stock), number(stock.available)] },
    { label: t("field.reserved"), kind: "number minor", cell: (stock) => number(stock.reserved) },
    rows.some(hasLevel) && { label: t("field.reorder_level"), kind: "number minor", cell: (stock) => hasLevel(stock) && number(stock.reorder_level) },
    rows.some((stock) => stock.bin) && { label: t("field.bin"), kind: "bin minor", cell: (stock) => stock.bin },
    rows.some(isEditable) && { label: h("span", { class: "unseen" }, t("item.acts")), kind: "controls", cell: button },
  ];
  const shown = table({ caption: t("item.stocks"), columns: columns.filter(Boolean) });
  shown.add(rows);
  return shown.node;
}

function editing({ place }) {
  return t("item.edit", { name: place });
}

/** Ask for the reorder level and the bin of a stock, and save them; returns whether they were. */
async function edit(stock, { item }) {
  const where = path`/items/${item.id}/stocks/${stock.location}`;
  let saved;
  await attempt(async () => {
    const { data: present, etag } = await send("GET", where);
    const fields = [
      field({ name: "reorder_level", label: t("field.reorder_level"), kind: "integer", value: present.reorder_level, hint: t("item.stocks.level_hint") }),
      field({ name: "bin", label: t("field.bin"), value: present.bin, hint: t("item.bin_hint"), placeholder: present.bin ? "" : stock.bin, maxlength: 100 }),
    ];
    const run = ({ reorder_level: level = null, bin = "" }, key) => send("PATCH", where, { body: { reorder_level: level, bin }, etag, key });
    saved = await ask(editing(stock), { fields, submit: t("save"), run });
  });
  return saved;
}

function hasLevel(stock) {
  return stock.reorder_level !== null;
}

function low(stock) {
  const isLow = hasLevel(stock) && stock.available <= stock.reorder_level;
  return isLow && [h("span", { class: "badge low" }, t("stock.low")), " "];
}
