/** The types of the events in the change feed, by which webhooks and subscriptions choose. */

import { choices } from "../core/choices.js";
import { h } from "../core/dom.js";
import { known, t } from "../core/words.js";

const ALL = "*";
const TYPES = [
  ["item.created", "item.updated", "item.archived", "item.restored"],
  ["item.low_stock", "item.restocked", "item.oversubscribed"],
  ["movement.created", "stock.updated"],
  ["location.created", "location.updated", "location.archived", "location.restored"],
  ["transfer.created", "transfer.received", "transfer.reversed"],
  ["reservation.created", "reservation.updated", "reservation.fulfilled", "reservation.released", "reservation.expired"],
].flat();

// What only the audit has, of users and of what they set up.
const OF_PEOPLE = [
  ["sign_in.begun", "sign_in.ended", "sign_in.failed", "access.refused"],
  ["user.created", "user.updated", "token.created", "token.revoked"],
  ["webhook.created", "webhook.updated", "webhook.deleted", "webhook.paused", "webhook.secret_rotated"],
  ["webhook.tested", "webhook.redelivered", "webhook.replayed", "webhook.skipped"],
  ["subscription.created", "subscription.updated", "subscription.deleted", "subscription.failing"],
].flat();

/** The types of all events, as the audit has them. */
export const ALL_TYPES = [...OF_PEOPLE, ...TYPES];

/** Return what has happened in an event of a type, in words; the type itself where there are none. */
export function happened(type) {
  return known(`admin.event.${type}`) ? t(`admin.event.${type}`) : type;
}

/** Return the field in which the types are chosen. */
export function typesField(value) {
  const all = { value: ALL, label: t("admin.events.all") };
  const options = [all, ...TYPES.map((type) => ({ value: type, label: happened(type) }))];
  return choices({ name: "types", label: t("admin.events.which"), options, value, required: true, all: ALL });
}

/** Return the types as badges. */
export function typeBadges(types) {
  return types.map((type) => h("span", { class: "badge" }, type === ALL ? t("admin.events.all") : happened(type)));
}
