/** The request by which an act is booked. It is made once, before the first attempt. */

import { path } from "../core/api.js";
import { serviceTime } from "../core/clock.js";

/** Return the request {path, body} of an act whose item is known. */
export function requestOf(act) {
  if (act.kind === "reversal") return { path: path`/movements/${act.movement}/reversal`, body: { reason: act.reason } };
  if (act.kind === "batch") return { path: "/movements", body: { movements: act.lines.map((line) => lineOf(act, line)) } };
  return { path: path`/items/${act.item.id}/movements`, body: { kind: act.kind, quantity: act.quantity, ...common(act) } };
}

function lineOf(act, { item, quantity, expected }) {
  return { item_id: item.id, kind: "count", quantity, expect_quantity: expected, ...common(act) };
}

function common({ reason, location, occurred_at }) {
  // Nothing has happened in the future, whatever the clock of this device said.
  const moment = new Date(Math.min(Date.parse(occurred_at), serviceTime())).toISOString();
  return { reason, location, occurred_at: moment };
}
