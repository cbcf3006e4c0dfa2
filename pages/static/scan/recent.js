/** The last scans, the newest first: how each stands, and how to take it back. */

import { h, replace } from "../core/dom.js";
import { number, t, time } from "../core/words.js";
import { effect, state, subject } from "../offline/describe.js";
import { attemptToKeep } from "../offline/keeping.js";
import { retry, undo } from "../offline/queue.js";
import { wake } from "../offline/sender.js";
import { askToDrop } from "../offline/waiting.js";

const SHOWN = 20;
const SINGLE = ["receive", "issue", "count"];

/** Return {node, fill(acts)}; `done` is called after each press on a button. */
export function recent(done) {
  const list = h("ul", { class: "entries" });
  const node = h("section", { class: "stack" }, h("h2", {}, t("scan.recent")), list);
  return {
    node,
    fill(acts) {
      const shown = acts.filter((act) => SINGLE.includes(act.kind)).slice(-SHOWN).reverse();
      replace(list, shown.map((act) => entry(act, done)));
      node.hidden = !shown.length;
    },
  };
}

function entry(act, done) {
  const now = act.state === "sent" && !act.undone && t("scan.now", { quantity: number(act.left) });
  const what = h("div", { class: "what" }, h("strong", {}, subject(act)), h("div", { class: "muted" }, time(act.occurred_at), now && ` · ${now}`));
  return h(
    "li",
    {},
    h("div", { class: "line" }, what, h("span", { class: "change" }, effect(act))),
    h("div", { class: "line" }, state(act), h("div", { class: "actions" }, actions(act, done))),
  );
}

function actions(act, done) {
  const button = (words, run) => {
    const press = async () => {
      await attemptToKeep(run);
      wake();
      done();
    };
    return h("button", { type: "button", "aria-label": `${words}: ${effect(act)} ${subject(act)}`, onclick: press }, words);
  };
  if (act.undone || act.undoing) return null;
  if (act.state !== "refused") return button(t("scan.undo"), () => undo(act, t("scan.undo_reason")));
  return [button(t("again"), () => retry(act)), button(t("waiting.drop"), () => askToDrop(act))];
}
