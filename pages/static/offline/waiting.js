/** What waits and what was refused: each act with its reason, and what can be done about it. */

import { ask } from "../core/ask.js";
import { confirm } from "../core/dialog.js";
import { h, replace } from "../core/dom.js";
import { Mistake, field } from "../core/form.js";
import { go } from "../core/router.js";
import { user } from "../core/session.js";
import { failure } from "../core/status.js";
import { t, time } from "../core/words.js";
import { askToSignIn } from "./badge.js";
import { effect, reasons, state, subject } from "./describe.js";
import { attemptToKeep } from "./keeping.js";
import { acts, changes, drop, retry } from "./queue.js";
import { hasSeveral } from "./places.js";
import { status, wake } from "./sender.js";

/** Return the page. */
export default async function waiting() {
  const [how, list] = [h("div", { role: "status" }), h("div", { class: "stack" })];
  let shown = "";

  async function fill() {
    const open = (await acts()).filter((act) => act.state !== "sent");
    const text = JSON.stringify([open, status]);
    if (text === shown) return;
    shown = text;
    replace(how, situation(open));
    replace(list, open.length ? h("ul", { class: "entries" }, open.map(entry)) : h("div", { class: "empty" }, h("p", {}, t("waiting.empty"))));
  }

  const onchange = () => fill().catch((error) => replace(list, failure(error, fill)));
  changes.addEventListener("change", onchange);
  await fill();
  return {
    title: t("waiting.title"),
    content: h("div", { class: "stack" }, how, list),
    leave: () => changes.removeEventListener("change", onchange),
  };
}

function situation(open) {
  if (!open.some((act) => act.state === "waiting")) return null;
  const own = open.some((act) => act.state === "waiting" && act.user.id === user.id);
  if (status.signedOut) {
    return h("div", { class: "notice warn" }, h("p", {}, t("waiting.signed_out")), h("button", { type: "button", onclick: askToSignIn }, t("waiting.sign_in")));
  }
  if (status.away || status.trouble) {
    const words = status.away ? t("waiting.away") : t("waiting.trouble", { reason: status.trouble });
    return h("div", { class: "notice warn" }, h("p", {}, words), h("button", { type: "button", onclick: wake }, t("waiting.send_now")));
  }
  return h("div", { class: "notice" }, h("p", {}, own ? t("waiting.sending") : t("waiting.others")));
}

function entry(act) {
  const details = [hasSeveral() && act.location, act.reason].filter(Boolean).map((text) => ` · ${text}`);
  const whose = act.user.id !== user.id && h("span", { class: "badge" }, t("waiting.whose", { name: act.user.username }));
  return h(
    "li",
    {},
    h("div", { class: "line" }, h("strong", { class: "what" }, subject(act)), h("span", { class: "change" }, effect(act))),
    h("div", { class: "muted" }, time(act.occurred_at), details),
    act.problem && h("div", {}, reasons(act).map((text) => h("p", {}, text))),
    h("div", { class: "line" }, h("div", {}, state(act), whose), h("div", { class: "actions" }, actions(act))),
  );
}

function actions(act) {
  const button = (words, run, kind) => h("button", { type: "button", class: kind, "aria-label": `${words}: ${subject(act)}`, onclick: run }, words);
  const own = act.user.id === user.id;
  const [refused, single] = [act.state === "refused", act.kind !== "batch" && act.kind !== "reversal"];
  const unknown = act.problem?.code === "unknown_code";
  return [
    own && refused && unknown && h("a", { href: `/app/items/new?${new URLSearchParams({ barcode: act.code })}`, class: "button" }, t("waiting.make_item")),
    own && refused && act.kind === "batch" && button(t("waiting.count_again"), () => go(`/app/count?again=${act.id}`)),
    own && refused && act.kind !== "batch" && button(t("again"), () => attemptToKeep(() => retry(act).then(wake))),
    own && single && (refused || !act.request) && button(t("waiting.change"), () => change(act)),
    button(t("waiting.drop"), () => askToDrop(act), "danger"),
  ];
}

/** Ask whether to drop an act, and do so. */
export async function askToDrop(act) {
  const words = act.state === "waiting" && act.request ? "waiting.drop_unclear" : "waiting.drop_text";
  const yes = await confirm(t("waiting.drop_title"), t(words, { what: `${subject(act)} ${effect(act)}`, name: act.user.username }), t("waiting.drop"));
  if (yes) await attemptToKeep(() => drop(act));
}

function change(act) {
  const fields = [
    field({ name: "code", label: t("waiting.code"), value: act.item?.sku ?? act.code, required: true, hint: t("waiting.code_hint") }),
    field({ name: "quantity", label: t("field.quantity"), kind: "integer", value: String(act.quantity), required: true }),
  ];
  const run = async ({ code, quantity }) => {
    const [least, most] = [act.kind === "count" ? 0 : 1, 1_000_000_000];
    if (quantity < least || quantity > most) throw new Mistake(t("waiting.quantity", { least, most }));
    const same = code === act.item?.sku;
    await retry(act, same ? { quantity } : { quantity, code, item: undefined });
    wake();
  };
  return ask(t("waiting.change_title"), { fields, submit: t("waiting.change_submit"), run });
}
