/** Whether an act is booked already, by the ledger itself, which knows it longer than the service knows its key. */

import { get, path } from "../core/api.js";

/** Return the movement by which the request of an act was booked; undefined if it was not. Raises Problem, Unreachable. */
export async function findBooked(act) {
  if (act.kind === "reversal") {
    const { reversed_by: id } = await get(path`/movements/${act.movement}`, {}, { quiet: true });
    return id ? { id } : undefined;
  }
  const [line, item] = act.kind === "batch" ? [act.request.body.movements[0], act.lines[0].item] : [act.request.body, act.item];
  // The moment, to the millisecond, is of this act alone.
  const until = new Date(Date.parse(line.occurred_at) + 1).toISOString();
  const { data } = await get(path`/items/${item.id}/movements`, { kind: line.kind, since: line.occurred_at, until, limit: 10, cursor: "" }, { quiet: true });
  return data.find((movement) => line.kind === "count" || Math.abs(movement.delta) === line.quantity);
}
