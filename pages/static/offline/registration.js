/** The service worker, with which the page opens without network: registered where the browser allows one. */

import { reloadNext } from "../core/router.js";

const WORKER = "/app/worker.js";
const EVERY = 3600 * 1000; // milliseconds; a page that is never left looks for a new version, too

/** Register the service worker; without one, the page works as long as there is network. */
export async function registerWorker() {
  const workers = isSecureContext && navigator.serviceWorker;
  if (!workers) return;
  let controlled = Boolean(workers.controller);
  workers.addEventListener("controllerchange", () => {
    // A new version has taken over: the next page is loaded whole. What is open stays as it is.
    if (controlled) reloadNext();
    controlled = true;
  });
  try {
    const registration = await workers.register(address());
    setInterval(() => registration.update().catch(() => {}), EVERY);
  } catch (error) {
    console.warn(error);
  }
}

/** Return the address of the worker: the only text that this page may load as a script. */
function address() {
  const createScriptURL = (text) => {
    if (text !== WORKER) throw new TypeError(`${text} is no script of this page`);
    return text;
  };
  const policy = window.trustedTypes?.createPolicy("stockroom", { createScriptURL });
  return policy ? policy.createScriptURL(WORKER) : WORKER;
}
