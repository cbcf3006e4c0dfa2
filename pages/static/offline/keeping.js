/** What is said where this browser keeps nothing: its storage is full or switched off. */

import { say } from "../core/status.js";
import { t } from "../core/words.js";
import { NotKept } from "../core/store.js";

/** Do something that changes what is kept, and say so if nothing was kept. */
export async function attemptToKeep(run) {
  try {
    await run();
  } catch (error) {
    if (!(error instanceof NotKept)) throw error;
    say(t("waiting.not_kept"), "bad");
  }
}
