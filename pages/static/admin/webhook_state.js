/** How a webhook is doing, in words. */

import { h } from "../core/dom.js";
import { t, timeText } from "../core/words.js";

const KINDS = { running: "good", waiting: "warn", paused: "bad" };

/** Return its state as a badge. */
export function stateBadge({ state }) {
  return h("span", { class: `badge ${KINDS[state] || ""}` }, t(`admin.webhooks.state.${state}`));
}

/** Return what its state means, and since when. */
export function stateWords({ state, failing_since: since, next_attempt_at: next, last_status: status }) {
  const answer = status ? t("admin.webhooks.answered", { status }) : "";
  if (state === "waiting" && since) {
    const again = next ? t("admin.webhooks.next", { at: timeText(next) }) : "";
    return [t("admin.webhooks.fails", { since: timeText(since) }), answer, again].filter(Boolean).join(" ");
  }
  if (state === "paused") return [since && t("admin.webhooks.fails", { since: timeText(since) }), t("admin.webhooks.is_paused"), since && answer].filter(Boolean).join(" ");
  return t("admin.webhooks.is_running");
}
