/**
 * The queue: each act waits here before anything of it is sent, and stays until it is booked or dropped.
 *
 * An act is {id, key, user, kind, code, item, location, quantity, reason, occurred_at, state, problem}: `id` is its place in
 * the order, `key` its Idempotency-Key, `user` {id, username} who made it, `code` what was scanned, `state` one of waiting,
 * sent, refused. `request` {path, body} is there once it may have been sent, and is never another one for the same key.
 */

import { newKey } from "../core/api.js";
import { serviceTime } from "../core/clock.js";
import { user } from "../core/session.js";
import { addAct, askToPersist, changeAct, removeSent } from "../core/store.js";

export { NotKept, actOf, acts, countActs, firstWaiting } from "../core/store.js";

const MOST_SENT = 50; // of what is booked, this much is kept to be shown and undone
const PAUSE = 100; // milliseconds between two that say so, where many acts change one after the other

/** Says "change" when an act was added, changed or removed, in whatever tab. */
export const changes = new EventTarget();
const others = new BroadcastChannel("stockroom.queue");
others.onmessage = () => changes.dispatchEvent(new Event("change"));

let [pausing, again] = [false, false];

/** Say in all tabs that something has changed: at once, or at the end of the pause after the last time. */
export function changed() {
  again = pausing;
  if (pausing) return;
  pausing = true;
  setTimeout(() => {
    pausing = false;
    if (again) changed();
  }, PAUSE);
  changes.dispatchEvent(new Event("change"));
  others.postMessage("change");
}

/** Take an act: once this returns its id, it is kept, and is lost neither with the tab nor with the network. Raises NotKept. */
export async function take({ kind, ...details }) {
  askToPersist();
  const id = await addAct({
    key: newKey(),
    user: { id: user.id, username: user.username },
    kind,
    occurred_at: new Date(serviceTime()).toISOString(),
    state: "waiting",
    ...details,
  });
  changed();
  return id;
}

/** Change an act, as `changeAct` does, and say so. */
export async function update(id, change) {
  const act = await changeAct(id, change);
  changed();
  return act;
}

/** Undo an act: remove it if it can't have been booked, else book the counter-entry, which waits as well. Raises NotKept. */
export async function undo({ id }, reason) {
  const left = await update(id, (now) => (isUnbooked(now) ? null : undefined));
  if (!left || left.undoing || left.undone) return;
  const { code, item, quantity, movement, location } = left;
  // The counter-entry comes first, so that nothing is being undone without one.
  await take({ kind: "reversal", undoes: id, movement, code, item, quantity, location, reason });
  await update(id, (now) => (isUnbooked(now) ? null : { ...now, undoing: true }));
}

function isUnbooked({ state, request }) {
  return state === "refused" || !request;
}

/** Try a refused act again, or one that waits, with what is changed of it: as a new request, where the first one was refused. */
export function retry(act, changes = {}) {
  return update(act.id, (now) => {
    if (now.state === "refused") return { ...without(now), ...changes, key: newKey(), state: "waiting" };
    return now.request ? undefined : { ...now, ...changes };
  });
}

/** Drop an act; it is never booked, unless that has happened already. */
export async function drop(act) {
  await update(act.id, () => null);
  if (act.undoes) await update(act.undoes, ({ undoing, ...now }) => now);
}

/** Remove what was booked long ago, and is needed no more to undo what waits. */
export function tidy() {
  return removeSent(MOST_SENT);
}

function without({ request, problem, attempted_at, undoing, ...act }) {
  return act;
}
