/** One webhook: its state, what can be done with it, and the log of its deliveries. */

import { get, newKey, path, send } from "../core/api.js";
import { ask } from "../core/ask.js";
import { confirm } from "../core/dialog.js";
import { h } from "../core/dom.js";
import { facts } from "../core/facts.js";
import { field } from "../core/form.js";
import { go, show } from "../core/router.js";
import { perform, reason, say } from "../core/status.js";
import { date, t } from "../core/words.js";
import { showSecret } from "../account/secret.js";
import { deliveries } from "./deliveries.js";
import { happened, typeBadges } from "./events.js";
import { stateBadge, stateWords } from "./webhook_state.js";
import { webhookFields } from "./webhooks.js";

/** Return the page. */
export async function webhook(id) {
  const at = path`/webhooks/${id}`;
  const { data, etag } = await send("GET", at);
  const log = deliveries(at);
  await log.start();
  const stuck = data.failing_since ? await firstFailed(at, Number(data.cursor)) : null;
  const buttons = [
    [t("admin.webhooks.test"), () => log.request(() => send("POST", `${at}/test`, { key: newKey() }))],
    [data.active ? t("admin.webhooks.pause") : t("admin.webhooks.resume"), () => change(at, etag, { active: !data.active })],
    [t("edit"), () => edit(at, data, etag)],
    [t("admin.webhooks.rotate"), () => rotate(at, data)],
    stuck && [t("admin.webhooks.skip"), () => skip(at, stuck)],
    [t("admin.webhooks.replay"), () => replay(at, data)],
    [t("remove"), () => end(at, data, etag), "danger"],
  ].filter(Boolean);
  const card = h("section", { class: "card stack" }, [
    h("p", {}, stateBadge(data), " ", stateWords(data)),
    facts([
      [t("admin.events.which"), typeBadges(data.types)],
      [t("admin.webhooks.cursor"), data.cursor],
      [t("account.token.made"), date(data.created_at)],
    ]),
    h("div", { class: "actions" }, buttons.map(([words, onclick, kind]) => h("button", { type: "button", class: kind, onclick }, words))),
  ]);
  return { title: data.url, content: h("div", { class: "stack" }, card, log.node), leave: log.leave };
}

function change(at, etag, body) {
  return perform(() => send("PATCH", at, { body, etag }), show, body.active ? t("admin.webhooks.resumed") : t("admin.webhooks.paused_now"));
}

async function edit(at, data, etag) {
  const run = (body) => send("PATCH", at, { body, etag });
  const done = await ask(t("edit"), { fields: webhookFields(data), submit: t("save"), run });
  if (done) await show();
}

async function rotate(at, { url }) {
  if (!(await confirm(t("admin.webhooks.rotate"), t("admin.webhooks.rotate_ask"), t("admin.webhooks.rotate")))) return;
  try {
    const { data } = await send("POST", `${at}/rotate-secret`);
    await showSecret(url, t("admin.webhooks.rotated"), data.secret);
  } catch (error) {
    say(reason(error), "bad");
  }
}

async function replay(at, { cursor }) {
  const fields = [field({ name: "since", label: t("admin.webhooks.replay_since"), value: cursor, required: true, inputmode: "numeric", hint: t("admin.webhooks.replay_hint") })];
  const run = (body, key) => send("POST", `${at}/replay`, { body, key });
  if (!(await ask(t("admin.webhooks.replay"), { fields, submit: t("admin.webhooks.replay"), run }))) return;
  await show();
  say(t("admin.webhooks.replayed"), "good");
}

async function end(at, { url }, etag) {
  if (!(await confirm(t("admin.webhooks.end"), t("admin.webhooks.end_ask", { url }), t("remove")))) return;
  try {
    await send("DELETE", at, { etag });
  } catch (error) {
    say(reason(error), "bad");
    return;
  }
  await go("/app/admin/webhooks");
  say(t("admin.webhooks.ended"), "good");
}

/** Return the event that a webhook fails to deliver; null where the log does not have it. What comes up to its cursor is done. */
async function firstFailed(at, cursor) {
  const { data } = await get(`${at}/deliveries`, { status: "failed", limit: 20 });
  const failed = data.map((each) => each.event_id).filter((id) => id > cursor);
  if (!failed.length) return null;
  const events = await get("/events", { since: Math.min(...failed) - 1, limit: 1 });
  return events.data[0] || null;
}

async function skip(at, event) {
  const what = { id: event.id, what: happened(event.type), sku: event.data.sku || "" };
  const fields = [field({ name: "reason", label: t("field.reason"), required: true, hint: t("admin.webhooks.skip_hint") })];
  const run = (values, key) => send("POST", `${at}/skip`, { body: { ...values, event_id: event.id }, key });
  const done = await ask(t("admin.webhooks.skip"), { text: t("admin.webhooks.skip_ask", what), fields, submit: t("admin.webhooks.skip"), run });
  if (!done) return;
  await show();
  say(t("admin.webhooks.skipped"), "good");
}
