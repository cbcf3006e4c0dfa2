/** Where an act takes place: the choice of a location, which there is only where there are several. */

import { field } from "../core/form.js";
import { placeLabel } from "../core/places.js";
import { isPermitted } from "../core/session.js";
import { number, t } from "../core/words.js";

/** Return a field to choose a location, with what lies there of an item; null where there is only one. */
export function choice(known, { name = "location", label = t("field.location"), value, ...attributes }) {
  if (known.places.length < 2) return null;
  const options = permitted(known.places).map((place) => ({
    value: place.code,
    label: placeLabel(place) + (known.item ? ` (${number(stockAt(known, place.code).quantity)})` : ""),
  }));
  return field({ name, label, kind: "choice", options, value, ...attributes });
}

/** Return {quantity, available} at a location, or of the item where none is given. */
export function stockAt({ item, stocks }, code) {
  if (code === undefined) return item;
  return stocks.find((stock) => stock.location === code) || { quantity: 0, available: 0 };
}

/** Return the code of the location that has most to take. */
export function placeToTake({ places, stocks }) {
  return most(places, stocks, "available");
}

/** Return the code of the location where most of it lies already. */
export function placeToPut({ places, stocks }) {
  return most(places, stocks, "quantity");
}

/** Return the locations whose stock the user may change. */
export function permitted(places) {
  return places.filter((place) => isPermitted(place.code));
}

function most(places, stocks, measure) {
  const codes = new Set(permitted(places).map((place) => place.code));
  const [first] = stocks.filter((stock) => stock[measure] > 0 && codes.has(stock.location)).sort((one, other) => other[measure] - one[measure]);
  return first?.location ?? places.find((place) => place.default && codes.has(place.code))?.code;
}
