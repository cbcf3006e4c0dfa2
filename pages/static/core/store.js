/** The store of this browser (IndexedDB): what waits, and what is to be there without network. Nothing is done until it is on the disk. */

const NAME = "stockroom";
const VERSION = 2;

/** This browser keeps nothing: its storage is full or refuses. What was to be kept is not. */
export class NotKept extends Error {}

let opened = null;
let asked = false;

/** Return the acts that are kept, in their order. Raises NotKept. */
export function acts() {
  return within("acts", "readonly", (store) => store.getAll());
}

/** Return the act with this id; undefined if there is none. Raises NotKept. */
export function actOf(id) {
  return within("acts", "readonly", (store) => store.get(id));
}

/** Return the first act that waits, of this user or of anybody; undefined if none does. Raises NotKept. */
export function firstWaiting(user) {
  return within("acts", "readonly", (store) => store.index("state").get(inState("waiting", user)));
}

/** Return how many acts are in a state. Raises NotKept. */
export function countActs(state) {
  return within("acts", "readonly", (store) => store.index("state").count(inState(state)));
}

/** Remove what was booked, but for so many of the newest; nothing while something waits, which may undo it. Raises NotKept. */
export async function removeSent(most) {
  await within("acts", "readwrite", (store) => {
    const index = store.index("state");
    const [sent, waiting] = [index.getAllKeys(inState("sent")), index.count(inState("waiting"))];
    waiting.onsuccess = () => {
      if (waiting.result) return;
      for (const id of sent.result.sort((a, b) => a - b).slice(0, -most)) store.delete(id);
    };
    return waiting;
  });
}

function inState(state, user) {
  return user === undefined ? IDBKeyRange.bound([state], [state, []]) : IDBKeyRange.only([state, user]);
}

/** Keep a new act and return its id. Raises NotKept. */
export function addAct(act) {
  return within("acts", "readwrite", (store) => store.add(act));
}

/**
 * Change an act: `change(act)` returns it as it becomes, null to remove it, or undefined to leave it. Returns the act as
 * it is then, null if it is not there. Nobody else changes it meanwhile. Raises NotKept.
 */
export async function changeAct(id, change) {
  let result = null;
  await within("acts", "readwrite", (store) => {
    const request = store.get(id);
    request.onsuccess = () => {
      const act = request.result;
      if (!act) return;
      const changed = change(act);
      result = changed === undefined ? act : changed;
      if (changed === null) store.delete(id);
      else if (changed !== undefined) store.put(changed);
    };
    return request;
  });
  return result;
}

/** Return what is kept under a name; undefined if nothing is. Raises NotKept. */
export function kept(name) {
  return within("kept", "readonly", (store) => store.get(name));
}

/** Keep something under a name; undefined keeps nothing there. Raises NotKept. */
export async function keep(name, value) {
  await within("kept", "readwrite", (store) => (value === undefined ? store.delete(name) : store.put(value, name)));
}

/** Claim a name for some milliseconds, for who has not; returns whether nobody else has it. Raises NotKept. */
export async function claim(name, holder, milliseconds) {
  let mine = false;
  await within("kept", "readwrite", (store) => {
    const request = store.get(name);
    request.onsuccess = () => {
      const [held, now] = [request.result, Date.now()];
      // A time far ahead was written by a clock that has been set back.
      mine = !held || held.holder === holder || held.until < now || held.until > now + 10 * milliseconds;
      if (mine) store.put({ holder, until: now + milliseconds }, name);
    };
    return request;
  });
  return mine;
}

/** Give a name back, unless somebody else has claimed it meanwhile. Raises NotKept. */
export async function release(name, holder) {
  await within("kept", "readwrite", (store) => {
    const request = store.get(name);
    request.onsuccess = () => request.result?.holder === holder && store.delete(name);
    return request;
  });
}

/** Ask the browser not to delete what is kept when its disk is full. */
export function askToPersist() {
  if (!asked) navigator.storage?.persist?.().catch(() => {});
  asked = true;
}

async function within(name, mode, run) {
  try {
    return await transact(await open(), name, mode, run);
  } catch (error) {
    throw new NotKept(error?.message, { cause: error });
  }
}

function transact(database, name, mode, run) {
  return new Promise((resolve, reject) => {
    // Strict: "complete" is said once the disk has it, and not only the memory of the system.
    const transaction = database.transaction(name, mode, { durability: "strict" });
    const request = run(transaction.objectStore(name));
    transaction.oncomplete = () => resolve(request.result);
    transaction.onabort = () => reject(transaction.error || new Error("aborted"));
    transaction.onerror = () => reject(transaction.error || request.error);
  });
}

function open() {
  opened ??= new Promise((resolve, reject) => {
    const request = indexedDB.open(NAME, VERSION);
    request.onupgradeneeded = ({ oldVersion }) => upgrade(request.result, request.transaction, oldVersion);
    request.onerror = () => forget(reject, request.error);
    request.onsuccess = () => {
      const database = request.result;
      // A newer page in another tab may change the store; it is opened anew with the next use.
      database.onversionchange = () => (database.close(), forget());
      database.onclose = () => forget();
      resolve(database);
    };
  });
  return opened;
}

function upgrade(database, transaction, from) {
  if (from < 1) {
    database.createObjectStore("acts", { keyPath: "id", autoIncrement: true });
    database.createObjectStore("kept");
  }
  // Of one state and one user, the acts are in their order.
  if (from < 2) transaction.objectStore("acts").createIndex("state", ["state", "user.id"]);
}

function forget(reject, error) {
  opened = null;
  reject?.(error);
}
