/** The acts with an item: a button for each, which opens its form. */

import { h, replace } from "../core/dom.js";
import { may } from "../core/session.js";
import { t } from "../core/words.js";
import { record } from "./record.js";
import { reserve } from "./reserve.js";
import { transfer } from "./transfer.js";

const KINDS = ["receive", "issue", "count", "adjust"];

/** Return {node, show()}. */
export function actions(context) {
  const { known } = context;
  const node = h("div", { class: "actions acts" });
  const acts = [...KINDS.map((kind) => [kind, () => record(kind, context)]), ["transfer", () => transfer(context)], ["reserve", () => reserve(context)]];
  const buttons = acts.map(([name, run]) => [name, h("button", { type: "button", class: name === "issue" && "primary", onclick: run }, t(`item.act.${name}`))]);
  const show = () => {
    const usable = may("write") && !known.item.archived;
    for (const [name, button] of buttons) button.hidden = name === "transfer" && known.places.length < 2;
    node.hidden = !usable;
  };
  replace(node, buttons.map(([, button]) => button));
  show();
  return { node, show };
}
