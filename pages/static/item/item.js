/** The page of an item: how many lie where, how that came about, and every act with it. */

import { get, getAll, path } from "../core/api.js";
import { h, replace } from "../core/dom.js";
import { allPlaces } from "../core/places.js";
import { may } from "../core/session.js";
import { failure, say } from "../core/status.js";
import { t } from "../core/words.js";
import { actions } from "./actions.js";
import { facts, figures } from "./facts.js";
import { history } from "./history.js";
import { reservations } from "./reservations.js";
import { restore } from "./archive.js";
import { stocks } from "./stocks.js";

/** Return the page. What an act has changed is shown where it stands: nothing is loaded anew but the figures. */
export default async function item({ params }) {
  const { id } = params;
  const known = await load(id);
  const trouble = h("div");
  const context = { known, changed };
  const parts = [figures, actions, facts, stocks, reservations, history].map((make) => make(context));
  const archived = archivedNotice(context);
  let last = null;

  /** Show the new state after an act, and a message about it. */
  async function changed(message, action) {
    last?.remove(); // what was done before it can't be undone by one button any more
    try {
      Object.assign(known, await load(id));
      replace(trouble);
      await Promise.all([...parts, archived].map((part) => part.show()));
    } catch (error) {
      replace(trouble, failure(error, () => changed()));
    } finally {
      last = message ? say(message, "good", action) : null;
    }
  }

  return {
    title: known.item.name,
    actions: [
      may("write") && h("a", { href: `/app/items/${id}/edit`, class: "button" }, t("edit")),
      h("a", { href: `/app/labels?item=${id}`, class: "button" }, t("item.label")),
    ],
    content: h("div", { class: "stack item" }, trouble, archived.node, parts.map((part) => part.node)),
    leave: () => parts.forEach((part) => part.leave?.()),
  };
}

/** Return {item, stocks, reservations, places} of an item: all that the acts need to know. */
async function load(id) {
  const [item, stocks, reservations, places] = await Promise.all([
    get(path`/items/${id}`),
    get(path`/items/${id}/stocks`),
    getAll("/reservations", { item_id: id, state: "open" }),
    allPlaces(),
  ]);
  return { item, stocks: stocks.data, reservations, places };
}

function archivedNotice({ known, changed }) {
  const again = may("write") && h("button", { type: "button", onclick: () => restore(known.item, () => changed(t("item.restored"))) }, t("item.restore"));
  const node = h("div", { class: "notice warn" }, h("p", {}, t("item.archived")), again);
  const show = () => (node.hidden = !known.item.archived);
  show();
  return { node, show };
}
