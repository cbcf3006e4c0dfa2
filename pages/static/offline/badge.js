/** What the frame says of the queue: how much waits, what was refused, and that there is no network. */

import { h, replace } from "../core/dom.js";
import { user } from "../core/session.js";
import { t } from "../core/words.js";
import { acts, changes, countActs } from "./queue.js";
import { status } from "./sender.js";

const [inFrame, alone] = [h("div", { class: "queue", role: "status" }), h("div", { role: "status" })];
changes.addEventListener("change", fill);

/** Return the badge of the frame. */
export function badge() {
  fill();
  return inFrame;
}

/** Return the notice for the page where nobody is signed in: what waits there, and for whom. */
export function notice() {
  fill();
  return alone;
}

async function fill() {
  const [waiting, refused] = await Promise.all(["waiting", "refused"].map(countActs)).catch(() => [0, 0]);
  const parts = [waiting && t("waiting.badge", { n: waiting }), refused && t("waiting.badge_refused", { n: refused })].filter(Boolean);
  const kind = refused ? "bad" : "warn";
  replace(
    inFrame,
    status.away && h("span", { class: "badge warn" }, t("waiting.no_network")),
    user && status.signedOut && h("button", { type: "button", class: "plain", onclick: askToSignIn }, t("waiting.sign_in")),
    parts.length > 0 && h("a", { href: "/app/waiting", class: `badge ${kind}` }, parts.join(" · ")),
  );
  if (!alone.isConnected) return;
  const open = (await acts().catch(() => [])).filter((act) => act.state !== "sent");
  const names = [...new Set(open.map((act) => act.user.username))].join(", ");
  replace(alone, parts.length > 0 && h("div", { class: "notice warn" }, h("p", {}, t("waiting.of", { what: parts.join(" · "), names }))));
}

/** Show the sign-in in the place of the page; what waits outlives it. */
export function askToSignIn() {
  window.dispatchEvent(new CustomEvent("signedout"));
}
