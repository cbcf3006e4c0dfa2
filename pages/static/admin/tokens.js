/** The tokens of everybody: who has which, what they may do, and when and from where they were used last. */

import { getAll } from "../core/api.js";
import { h, replace } from "../core/dom.js";
import { field } from "../core/form.js";
import { allPlaces } from "../core/places.js";
import { user } from "../core/session.js";
import { t } from "../core/words.js";
import { makeToken, tokens } from "../account/tokens.js";

/** Return the page; the query says whose tokens are shown. */
export default async function allTokens({ query, remember }) {
  const [names, places] = await Promise.all([everybody(), allPlaces()]);
  const place = h("div", { class: "stack" });
  const options = names.map((name) => ({ value: name, label: name }));
  const owner = field({
    name: "owner",
    label: t("admin.tokens.owner"),
    kind: "choice",
    options,
    value: query.get("user") || user.username,
    onchange: () => (remember({ user: owner.read() }), show(owner.read())),
  });

  async function show(name) {
    const mine = name === user.username;
    const list = tokens({ mine, owner: name, heading: "h2" });
    const make = h("button", { type: "button", class: "primary", onclick: () => makeToken(places, list) }, t("account.token.new"));
    replace(place, mine ? h("div", {}, make) : h("p", { class: "muted" }, t("admin.tokens.of_others")), list.node);
    await list.start();
  }

  await show(owner.read());
  return { title: t("admin.tokens.title"), content: h("div", { class: "stack" }, h("div", { class: "parameters" }, owner.node), place) };
}

/** Return the names of all users, and first that of who reads. */
async function everybody() {
  const names = (await getAll("/users", { sort: "username" })).map((each) => each.username);
  return [user.username, ...names.filter((name) => name !== user.username)];
}
