/** The account: who somebody is here, and how they sign in. */

import { get } from "../core/api.js";
import { h } from "../core/dom.js";
import { facts } from "../core/facts.js";
import { allPlaces } from "../core/places.js";
import { addStyle } from "../core/router.js";
import { LANGUAGES, chooseLanguage, date, language, t } from "../core/words.js";
import { passwordForm } from "./password.js";
import { sessions } from "./sessions.js";
import { makeToken, tokens } from "./tokens.js";

/** Return the page. */
export default async function account() {
  const [me, places] = await Promise.all([get("/users/me"), allPlaces(), addStyle("account/account.css")]);
  const mine = tokens({ mine: true, heading: "h3" });
  const own = sessions();
  await Promise.all([mine.start(), own.start()]);
  return {
    title: t("account.title"),
    content: h("div", { class: "stack" }, [
      h("div", { class: "cards" }, [
        h("section", { class: "card stack" }, h("h2", {}, me.username), facts(who(me)), languages()),
        h("section", { class: "card stack" }, h("h2", {}, t("account.password.title")), passwordForm()),
      ]),
      part(t("account.sessions"), t("account.sessions_about"), own, own.endOthers),
      part(t("account.tokens"), t("account.tokens_about"), mine, newToken(mine, places)),
    ]),
  };
}

function who({ role, email, locations, created_at: since }) {
  return [
    [t("account.role"), t(`account.role.${role}`)],
    [t("account.email"), email],
    [t("account.locations"), locations.join(", ")],
    [t("account.since"), date(since)],
  ];
}

function languages() {
  const buttons = Object.entries(LANGUAGES).map(([name, words]) =>
    h("button", { type: "button", lang: name, "aria-pressed": String(name === language), onclick: () => chooseLanguage(name) }, words),
  );
  return h("div", { class: "actions", role: "group", "aria-label": t("account.language") }, h("span", { class: "muted" }, t("account.language")), buttons);
}

function part(title, about, list, action) {
  return h("section", { class: "stack" }, h("div", { class: "title" }, h("h2", {}, title), action), h("p", { class: "muted" }, about), list.node);
}

function newToken(list, places) {
  return h("button", { type: "button", onclick: () => makeToken(places, list) }, t("account.token.new"));
}
