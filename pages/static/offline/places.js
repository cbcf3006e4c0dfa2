/** The locations, there without network too, and the one where somebody works with this device. */

import { field } from "../core/form.js";
import { allPlaces, placeOptions } from "../core/places.js";
import { t } from "../core/words.js";

const [KEPT, CHOSEN] = ["stockroom.places", "stockroom.place"];

/** Return the locations, {code, name, default} each; those read last, where nobody answers. */
export async function places() {
  try {
    const all = await allPlaces();
    localStorage.setItem(KEPT, JSON.stringify(all.map(({ code, name, default: first }) => ({ code, name, default: first }))));
  } catch (error) {
    if (error.status && error.status < 500 && error.status !== 429) throw error;
  }
  return known();
}

/** Whether there are several locations. Who has one never meets the word. */
export function hasSeveral() {
  return known().length > 1;
}

/** Whether a location is the default one, where the items have their own bins. */
export function isDefault(code) {
  return known().some((place) => place.default && place.code === code);
}

function known() {
  return JSON.parse(localStorage.getItem(KEPT) || "[]");
}

/**
 * Return {field, code()} to choose one of these locations, kept in this browser; there is no field where there is one of
 * them. `wanted` is the code of the one to begin with, where somebody came for it.
 */
export function choiceOf(all, onchange, wanted) {
  const candidates = [wanted, localStorage.getItem(CHOSEN), all.find((place) => place.default)?.code, all[0]?.code];
  const chosen = candidates.find((code) => all.some((place) => place.code === code));
  if (all.length < 2) return { field: null, code: () => chosen };
  const changed = () => {
    localStorage.setItem(CHOSEN, choice.control.value);
    onchange();
  };
  const choice = field({ name: "location", label: t("field.location"), kind: "choice", options: placeOptions(all), value: chosen, onchange: changed });
  return { field: choice, code: () => choice.control.value };
}
