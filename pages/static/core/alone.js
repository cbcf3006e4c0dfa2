/** What one tab of this browser does at a time: by a lock, or by a lease where pages over plain HTTP have no locks. */

import { newKey } from "./api.js";
import { claim, release } from "./store.js";

const LEASE = 60_000; // milliseconds
const EVERY = 200;
const me = newKey();

/** Run something while no other tab runs anything of this name; returns what it returns. */
export function alone(name, run) {
  return navigator.locks ? navigator.locks.request(name, run) : leased(name, run);
}

async function leased(name, run) {
  // Each run is a holder of its own, so that two of one tab wait for each other as well.
  const holder = `${me}-${newKey()}`;
  while (!(await claim(name, holder, LEASE))) await new Promise((resolve) => setTimeout(resolve, EVERY));
  const renew = setInterval(() => claim(name, holder, LEASE).catch(() => {}), LEASE / 4);
  try {
    return await run();
  } finally {
    clearInterval(renew);
    await release(name, holder);
  }
}
