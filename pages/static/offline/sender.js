/** The sender: books what waits, in its order, one act at a time and in one tab at a time. */

import { Problem, Unreachable, get, send } from "../core/api.js";
import { alone } from "../core/alone.js";
import { SESSION } from "../core/session.js";
import { findBooked } from "./booked.js";
import { findItem } from "./item.js";
import { actOf, changed, firstWaiting, tidy, update } from "./queue.js";
import { requestOf } from "./request.js";

const [FIRST, LONGEST] = [1000, 30_000]; // milliseconds until the next attempt, from one to the next twice as long
// The service knows a key for a limited time (IDEMPOTENCY_HOURS). What was sent longer ago is looked for in the ledger first.
const KNOWN = 3600 * 1000;

/** How it stands: `away` if nobody answers, `signedOut` if somebody has to sign in, `trouble` if the service answers that it can't. */
export const status = { away: !navigator.onLine, signedOut: false, trouble: "" };
let [running, again, timer, delay] = [false, false, 0, FIRST];

/** Send from now on what waits, whenever there is a way to the service. */
export function startSending() {
  window.addEventListener("online", () => (note({ away: false }), (delay = FIRST), wake()));
  window.addEventListener("offline", () => note({ away: true }));
  window.addEventListener("reached", () => note({ away: false }));
  window.addEventListener("unreachable", () => (note({ away: true }), later()));
  document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && wake());
  wake();
}

/** Send what waits now. */
export async function wake() {
  again = true;
  if (running) return;
  running = true;
  clearTimeout(timer);
  timer = 0;
  try {
    while (again) {
      again = false;
      while (await alone(SESSION, next));
      delay = FIRST;
      note({ trouble: "" });
      await tidy();
    }
  } catch (error) {
    if (!(error instanceof Problem || error instanceof Unreachable)) console.warn(error);
    // Whoever signs in sends what waits; until then there is nothing to try.
    if (error.status === 401) note({ signedOut: true });
    else later(error.retryAfter);
    note({ trouble: error instanceof Problem && error.status !== 401 ? error.message : "" });
  } finally {
    running = false;
  }
}

function later(seconds = 0) {
  if (timer) return;
  const passed = () => {
    delay = Math.min(2 * delay, LONGEST);
    wake();
  };
  timer = setTimeout(passed, Math.max(delay * (0.75 + Math.random() / 2), seconds * 1000));
}

function note(found) {
  if (Object.entries(found).every(([name, value]) => status[name] === value)) return;
  Object.assign(status, found);
  changed();
}

/** Send the first act that waits for who is signed in; returns whether there was one. Raises what leaves it waiting. */
async function next() {
  if (!(await firstWaiting()) && !status.away && !status.signedOut) return false;
  const { id } = await get("/users/me", {}, { quiet: true });
  note({ signedOut: false });
  // What somebody else has scanned waits until they sign in again.
  const act = await firstWaiting(id);
  if (!act) return false;
  try {
    const ready = await prepared(act);
    if (ready?.request && ready.state === "waiting") await attempt(ready);
  } catch (error) {
    if (!isRefusal(error)) throw error;
    await refuse(act, { ...error, message: error.message });
  }
  return true;
}

/** Return the act with its request, which is kept before it is sent; without one, where the act has changed or is refused. */
async function prepared(act) {
  if (act.request) return (isOld(act) && (await sentBefore(act))) || act;
  const known = await resolved(act);
  if (!known) return act.kind === "reversal" ? update(act.id, () => null) : refuse(act, { code: "unknown_code" });
  const request = requestOf(known);
  const same = (now) => JSON.stringify(now) === JSON.stringify(act);
  return update(act.id, (now) => (same(now) ? { ...known, request, attempted_at: Date.now() } : undefined));
}

/** Return the act with the item or the movement that it is about; null if there is none. */
async function resolved(act) {
  if (act.kind === "reversal" && !act.movement) {
    const undone = await actOf(act.undoes);
    return undone?.movement ? { ...act, item: undone.item, movement: undone.movement } : null;
  }
  if (act.kind === "reversal" || act.kind === "batch" || act.item) return act;
  const item = await findItem(act.code);
  return item && { ...act, item: { id: item.id, sku: item.sku, name: item.name, unit: item.unit } };
}

function isOld(act) {
  return Math.abs(Date.now() - act.attempted_at) > KNOWN;
}

async function sentBefore(act) {
  const movement = await findBooked(act);
  return movement && sent(act, movement);
}

async function attempt(act) {
  const answer = await send("POST", act.request.path, { body: act.request.body, key: act.key, quiet: true });
  const booked = answer.data?.movements || answer.data;
  // Whatever else was said, it was not by the service.
  if (answer.status !== 201 || !(booked?.id || booked?.length)) throw new Unreachable(`${answer.status} without a movement`);
  await sent(act, booked);
}

async function sent(act, { id, location_quantity_after: left }) {
  if (act.kind === "reversal") await update(act.undoes, (now) => ({ ...now, undone: true }));
  return update(act.id, (now) => ({ ...now, state: "sent", movement: id, left }));
}

/** Whether the service has decided that it does not book this; everything else leaves it open. */
function isRefusal(error) {
  if (!(error instanceof Problem)) return false;
  return error.status < 500 && ![401, 408, 429].includes(error.status) && error.code !== "idempotency_in_progress";
}

/** Say that an act is refused; what was to be undone anyway goes. */
function refuse(act, problem) {
  return update(act.id, (now) => (now.undoing ? null : { ...now, state: "refused", problem }));
}
