/** API tokens: the list of those of one user, and how they are made, given a successor and revoked. */

import { get, path, send } from "../core/api.js";
import { ask } from "../core/ask.js";
import { cards } from "../core/cards.js";
import { choices } from "../core/choices.js";
import { confirm } from "../core/dialog.js";
import { h } from "../core/dom.js";
import { facts } from "../core/facts.js";
import { field } from "../core/form.js";
import { may } from "../core/session.js";
import { perform } from "../core/status.js";
import { date, t, time, timeText } from "../core/words.js";
import { locationsField } from "./locations.js";
import { showSecret } from "./secret.js";

// What a token may be allowed, and which right its owner needs for it.
const SCOPES = {
  "items:read": "read",
  "items:write": "write",
  "stock:write": "write",
  "users:read": "admin",
  "users:write": "admin",
  "audit:read": "admin",
  "webhooks:write": "admin",
};
const DAYS = ["30", "90", "365"];

/**
 * Return the list of the tokens of a user: {node, start(), renew()}. Only where they are `mine` they can have successors;
 * `heading` is the element of their names.
 */
export function tokens({ mine, owner, heading }) {
  const load = (cursor) => get("/tokens", { user: mine ? "" : owner, cursor, sort: "-created_at" });
  const none = mine ? t("account.token.none") : t("account.token.none_of", { name: owner });
  const empty = () => h("div", { class: "empty" }, h("p", {}, none));
  const list = cards(load, (token) => card(token, mine, heading, list.renew), empty);
  return list;
}

function card(token, mine, heading, renew) {
  const isOver = token.expires_at && new Date(token.expires_at) < new Date();
  return h("li", { class: "card" }, [
    h(heading, {}, token.name, " ", isOver && h("span", { class: "badge bad" }, t("account.token.expired"))),
    h("p", {}, token.scopes.map((scope) => h("span", { class: "badge" }, t(`account.scope.${scope.replace(":", "_")}`)))),
    facts([
      [t("account.token.prefix"), h("code", {}, `${token.prefix}…`)],
      [t("account.token.used"), lastUse(token)],
      [t("account.token.until"), token.expires_at ? time(token.expires_at) : t("account.token.forever")],
      [t("account.token.from"), token.allowed_ips?.join(", ")],
      [t("account.locations"), token.locations.join(", ")],
      [t("account.token.made"), date(token.created_at)],
    ]),
    h("div", { class: "actions" }, [
      mine && h("button", { type: "button", onclick: () => rotate(token, renew) }, t("account.token.rotate")),
      h("button", { type: "button", class: "danger", onclick: () => revoke(token, renew) }, t("account.token.revoke")),
    ]),
  ]);
}

function lastUse({ last_used_at: at, last_used_ip: address }) {
  if (!at) return t("account.token.never");
  return [time(at), address && ` ${t("account.token.by", { address })}`];
}

/** Ask what a new token is for and what it may do, make it, and show it this once. */
export async function makeToken(places, list) {
  const scopes = Object.keys(SCOPES).filter((name) => may(SCOPES[name]));
  const days = DAYS.map((value) => ({ value, label: t("account.token.days", { n: Number(value) }) }));
  const fields = [
    field({ name: "name", label: t("account.token.name"), required: true, hint: t("account.token.name_hint") }),
    choices({
      name: "scopes",
      label: t("account.token.scopes"),
      required: true,
      value: ["items:read"],
      options: scopes.map((value) => ({ value, label: t(`account.scope.${value.replace(":", "_")}`) })),
    }),
    field({
      name: "expires_in_days",
      label: t("account.token.until"),
      kind: "choice",
      value: "365",
      options: [...days, { value: "", label: t("account.token.forever") }],
    }),
    field({ name: "allowed_ips", label: t("account.token.from"), kind: "tags", hint: t("account.token.from_hint") }),
    // Who has one location never meets the word.
    places.length > 1 && locationsField(places, [], t("account.locations_hint")),
  ].filter(Boolean);
  const run = async ({ expires_in_days: given, ...body }) => {
    const expires = given ? { expires_in_days: Number(given) } : {};
    return (await send("POST", "/tokens", { body: { ...body, ...expires } })).data;
  };
  const made = await ask(t("account.token.new"), { fields, submit: t("account.token.make"), run });
  if (!made) return;
  await showToken(made, t("account.token.once"));
  await list.renew();
}

async function rotate({ id, name }, renew) {
  if (!(await confirm(t("account.token.rotate"), t("account.token.rotate_ask", { name }), t("account.token.rotate")))) return;
  const run = async () => {
    const { data } = await send("POST", path`/tokens/${id}/rotate`);
    await showToken(data, t("account.token.rotated", { until: timeText(data.replaced_expires_at) }));
  };
  await perform(run, renew);
}

async function revoke({ id, name }, renew) {
  if (!(await confirm(t("account.token.revoke"), t("account.token.revoke_ask", { name }), t("account.token.revoke")))) return;
  const run = async () => {
    const { etag } = await send("GET", path`/tokens/${id}`);
    await send("DELETE", path`/tokens/${id}`, { etag });
  };
  await perform(run, renew, t("account.token.revoked"));
}

function showToken({ name, token }, text) {
  const line = `curl -sS -H "Authorization: Bearer ${token}" ${location.origin}/api/v1/tokens/current`;
  return showSecret(name, text, token, h("div", { class: "secret" }, h("p", {}, t("account.token.try")), h("pre", {}, line)));
}
