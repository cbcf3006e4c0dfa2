/** The locations, as one chooses among them. */

import { getAll } from "./api.js";

/** Return all locations that are not archived. */
export function allPlaces() {
  return getAll("/locations");
}

/** Return how a location is called: by its code, and by its name where it has one. */
export function placeLabel({ code, name }) {
  return name ? `${code} · ${name}` : code;
}

/** Return the options of a choice of one of these locations; `everywhere` is what the first is called, for all of them. */
export function placeOptions(places, everywhere) {
  const options = places.map((place) => ({ value: place.code, label: placeLabel(place) }));
  return everywhere ? [{ value: "", label: everywhere }, ...options] : options;
}
