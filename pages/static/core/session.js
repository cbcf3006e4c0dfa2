/** Who is signed in: the user of the session cookie, which no script can read. */

import { alone } from "./alone.js";
import { Problem, get, send } from "./api.js";

// While somebody signs in or out, nothing that waits is sent: what one has scanned is never booked as another.
export const SESSION = "stockroom.session";
/** The name under which this browser keeps who is signed in, as all of its tabs do. */
export const KEPT = "stockroom.user";
// What each role may do, of what the page shows; the service checks it again.
const RIGHTS = { guest: ["read"], member: ["read", "write"], admin: ["read", "write", "admin"] };

/** The user who is signed in: {id, username, role, locations}, an empty list for all of them; null if nobody is. */
export let user = null;

/** Find out who is signed in. Without network it is who was signed in last, so that scans can be made and wait. */
export async function load() {
  try {
    keep(await get("/users/me", {}, { quiet: true }));
  } catch (error) {
    if (error instanceof Problem && error.status === 401) keep(null);
    else if (!localStorage.getItem(KEPT)) throw error;
    else user = JSON.parse(localStorage.getItem(KEPT));
  }
  return user;
}

/** Sign in; throws Problem where the name or the password is wrong. */
export async function signIn(username, password) {
  await alone(SESSION, () => send("POST", "/session", { body: { username, password }, quiet: true }));
  return load();
}

/** Sign out: the session ends here and at the service. */
export async function signOut() {
  try {
    await alone(SESSION, () => send("DELETE", "/session", { quiet: true }));
  } catch (error) {
    if (!(error instanceof Problem && error.status === 401)) throw error;
  }
  keep(null);
}

/** Whether the user may do something: "read", "write" or "admin". */
export function may(right) {
  return user !== null && (RIGHTS[user.role] || []).includes(right);
}

/** Whether the user may change the stock at a location. */
export function isPermitted(code) {
  return !user?.locations?.length || user.locations.includes(code);
}

function keep(found) {
  user = found && { id: found.id, username: found.username, role: found.role, locations: found.locations };
  if (user) localStorage.setItem(KEPT, JSON.stringify(user));
  else localStorage.removeItem(KEPT);
}
