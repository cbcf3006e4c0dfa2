/** What became of a scan: in words, in a colour and as a sound, and what to do now. */

import { h, replace } from "../core/dom.js";
import { number, t } from "../core/words.js";
import { effect, reasons, subject } from "../offline/describe.js";
import { bad, good } from "./sound.js";

/** Return {node, show(kind, texts, ways), of(act), found(card), clear()}; kinds are "good", "warn" (taken, and waits) and "bad". */
export function outcome() {
  const node = h("div", { class: "outcome", role: "status", "aria-live": "assertive" });

  function show(kind, [title, ...texts], ways = null) {
    replace(node, h("div", { class: `notice ${kind}` }, h("p", { class: "said" }, title), texts.map((text) => h("p", {}, text)), ways));
    if (!node.isConnected) return; // somebody has left the page meanwhile
    node.scrollIntoView({ block: "nearest" });
    if (kind === "bad") bad();
    else good();
  }

  /** Show what became of an act. */
  function of(act) {
    const what = `${effect(act)} ${subject(act)}`.trim();
    if (act.state === "refused") show("bad", [t("scan.refused", { what }), ...reasons(act)], ways(act));
    else if (act.state === "sent") show("good", [t("scan.booked", { what }), t("scan.now", { quantity: number(act.left) })]);
    else show("warn", [t("scan.waits", { what }), t("scan.waits_hint")]);
  }

  /** Show what was looked for in the place of words. */
  function found(card) {
    replace(node, card);
    node.scrollIntoView({ block: "nearest" });
    good();
  }

  const clear = () => replace(node, h("div", { class: "notice" }, h("p", { class: "said" }, t("scan.ready")), h("p", {}, t("scan.help_again"))));
  clear();
  return { node, show, of, found, clear };
}

function ways(act) {
  return act.problem.code === "unknown_code" && toMake(act.code);
}

/** Return the way to make an item of a code that none has. */
export function toMake(code) {
  return h("p", {}, h("a", { href: `/app/items/new?${new URLSearchParams({ barcode: code })}` }, t("scan.make_item", { code })));
}
