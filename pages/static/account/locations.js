/** The locations to which somebody, or a token, is bound. */

import { choices } from "../core/choices.js";
import { placeOptions } from "../core/places.js";
import { t } from "../core/words.js";

/** Return the field of them; one that is archived is among them while somebody is bound to it. */
export function locationsField(places, value, hint) {
  const archived = value.filter((code) => !places.some((place) => place.code === code)).map((code) => ({ code }));
  return choices({ name: "locations", label: t("account.locations"), options: placeOptions([...places, ...archived]), value, hint });
}
