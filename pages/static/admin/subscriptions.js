/** Mail: who gets a digest of which events, and how often. */

import { get, path, send } from "../core/api.js";
import { ask } from "../core/ask.js";
import { cards } from "../core/cards.js";
import { confirm } from "../core/dialog.js";
import { h } from "../core/dom.js";
import { facts } from "../core/facts.js";
import { Mistake, field } from "../core/form.js";
import { attempt, perform, say } from "../core/status.js";
import { t, time, timeText } from "../core/words.js";
import { typeBadges, typesField } from "./events.js";

/** Return the page. */
export default async function subscriptions() {
  const list = cards((cursor) => get("/subscriptions", { cursor }), (subscription) => card(subscription, list.renew), empty);
  await list.start();
  const make = h("button", { type: "button", class: "primary", onclick: () => subscribe(list.renew) }, t("admin.subscriptions.new"));
  return { title: t("admin.subscriptions.title"), actions: make, content: list.node };
}

function empty() {
  return h("div", { class: "empty" }, h("p", {}, t("admin.subscriptions.none")), h("p", {}, t("admin.subscriptions.about")));
}

function card(subscription, renew) {
  const { recipients, types, active, next_at: next, next_attempt_at: later, failing_since: since, last_error: error } = subscription;
  return h("li", { class: "card" }, [
    h("h2", {}, recipients.join(", ") || t("admin.subscriptions.default_recipients")),
    h("p", {}, state(subscription), " ", rhythm(subscription)),
    since && h("p", { class: "notice bad" }, t("admin.subscriptions.fails", { since: timeText(since) }), " ", error),
    facts([
      [t("admin.events.which"), typeBadges(types)],
      [t("admin.subscriptions.next"), active && time(later || next)],
    ]),
    h("div", { class: "actions" }, [
      h("button", { type: "button", onclick: () => attempt(() => edit(subscription, renew)) }, t("edit")),
      h("button", { type: "button", class: "danger", onclick: () => end(subscription, renew) }, t("admin.subscriptions.end")),
    ]),
  ]);
}

function state({ active, failing_since: since }) {
  if (!active) return h("span", { class: "badge" }, t("admin.subscriptions.off"));
  return since ? h("span", { class: "badge warn" }, t("admin.subscriptions.waits")) : h("span", { class: "badge good" }, t("admin.subscriptions.on"));
}

function rhythm({ every_minutes: n, daily_at: at }) {
  return at ? t("admin.subscriptions.daily", { at }) : t("admin.subscriptions.every", { n });
}

function fieldsOf({ recipients = [], types = ["item.low_stock", "item.restocked"], every_minutes: minutes, daily_at: at } = {}, nullable = false) {
  const now = new Date().toISOString().slice(11, 16);
  return [
    field({ name: "recipients", label: t("admin.subscriptions.recipients"), kind: "tags", value: recipients.join(", "), nullable, hint: t("admin.subscriptions.recipients_hint") }),
    typesField(types),
    field({ name: "daily_at", label: t("admin.subscriptions.daily_at"), type: "time", value: at, hint: t("admin.subscriptions.daily_hint", { now }) }),
    field({ name: "every_minutes", label: t("admin.subscriptions.minutes"), kind: "integer", value: minutes, hint: t("admin.subscriptions.minutes_hint") }),
  ];
}

/** Return the values, which say how often; raises Mistake where they do not. */
function withRhythm(values) {
  if (values.daily_at === undefined && values.every_minutes === undefined) throw new Mistake(t("admin.subscriptions.rhythm"));
  return values;
}

async function subscribe(renew) {
  const run = (values, key) => send("POST", "/subscriptions", { body: { channel: "mail", ...withRhythm(values) }, key });
  if (!(await ask(t("admin.subscriptions.new"), { fields: fieldsOf(), submit: t("admin.subscriptions.make"), run }))) return;
  await renew();
  say(t("admin.subscriptions.made"), "good");
}

async function edit({ id }, renew) {
  const at = path`/subscriptions/${id}`;
  const { data, etag } = await send("GET", at);
  const on = field({ name: "active", label: t("admin.subscriptions.is_on"), kind: "check", value: data.active, hint: t("admin.subscriptions.on_hint") });
  const run = ({ active, ...body }, key) => send("PATCH", at, { body: { ...withRhythm(body), ...(active !== data.active && { active }) }, etag, key });
  if (!(await ask(t("edit"), { fields: [...fieldsOf(data, true), on], submit: t("save"), run }))) return;
  await renew();
  say(t("admin.subscriptions.changed"), "good");
}

async function end({ id }, renew) {
  if (!(await confirm(t("admin.subscriptions.end"), t("admin.subscriptions.end_ask"), t("admin.subscriptions.end")))) return;
  const run = async () => {
    const { etag } = await send("GET", path`/subscriptions/${id}`);
    await send("DELETE", path`/subscriptions/${id}`, { etag });
  };
  await perform(run, renew, t("admin.subscriptions.ended"));
}
