/** Webhooks: where events are sent, how each of them is doing, and how one is made. */

import { get, send } from "../core/api.js";
import { ask } from "../core/ask.js";
import { cards } from "../core/cards.js";
import { h } from "../core/dom.js";
import { facts } from "../core/facts.js";
import { field } from "../core/form.js";
import { go } from "../core/router.js";
import { t } from "../core/words.js";
import { showSecret } from "../account/secret.js";
import { typeBadges, typesField } from "./events.js";
import { stateBadge, stateWords } from "./webhook_state.js";

/** Return the page. */
export default async function webhooks() {
  const list = cards((cursor) => get("/webhooks", { cursor }), card, empty);
  await list.start();
  const make = h("button", { type: "button", class: "primary", onclick: makeWebhook }, t("admin.webhooks.new"));
  return { title: t("admin.webhooks.title"), actions: make, content: list.node };
}

function card(webhook) {
  return h("li", { class: "card" }, [
    h("h2", {}, h("a", { href: `/app/admin/webhooks/${webhook.id}` }, webhook.url)),
    h("p", {}, stateBadge(webhook), " ", stateWords(webhook)),
    facts([[t("admin.events.which"), typeBadges(webhook.types)]]),
  ]);
}

function empty() {
  return h("div", { class: "empty" }, h("p", {}, t("admin.webhooks.none")), h("p", {}, t("admin.webhooks.about")));
}

/** Return the fields of a webhook. */
export function webhookFields({ url = "", types = [] } = {}) {
  return [field({ name: "url", label: t("admin.webhooks.url"), value: url, required: true, inputmode: "url", hint: t("admin.webhooks.url_hint") }), typesField(types)];
}

async function makeWebhook() {
  const run = async (body) => (await send("POST", "/webhooks", { body })).data;
  const made = await ask(t("admin.webhooks.new"), { fields: webhookFields(), submit: t("admin.webhooks.make"), run });
  if (!made) return;
  await showSecret(made.url, t("admin.webhooks.secret_once"), made.secret);
  await go(`/app/admin/webhooks/${made.id}`);
}
