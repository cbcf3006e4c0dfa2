/** The scan: a field that holds the focus, and everything that is scanned into it booked once. */

import { h } from "../core/dom.js";
import { facts } from "../core/facts.js";
import { field } from "../core/form.js";
import { may, user } from "../core/session.js";
import { reason as reasonOf } from "../core/status.js";
import { t } from "../core/words.js";
import { amountAndCode } from "../offline/item.js";
import { choiceOf, places } from "../offline/places.js";
import { NotKept, actOf, acts, changes, take } from "../offline/queue.js";
import { status, wake } from "../offline/sender.js";
import { camera } from "./camera.js";
import { askForCount } from "./counted.js";
import { look } from "./look.js";
import { outcome, toMake } from "./outcome.js";
import { recent } from "./recent.js";

const MODES = [
  ["receive", "F2"],
  ["issue", "F4"],
  ["count", "F8"],
  ["look", "F9"],
];
const [MODE, REASON] = ["stockroom.scan_mode", "stockroom.scan_reason"];
const PATIENCE = 1500; // milliseconds, after which a scan that was not answered is said to wait
// What keeps the focus when it is pressed; everything else gives it back to the field.
const KEEPS_FOCUS = "input, select, textarea, button, a, summary, label, dialog, video";
const WRITTEN_IN = "input:not([type=radio]), select, textarea";

/** Return the page. */
export default async function scan() {
  const all = await places();
  const place = choiceOf(all, () => focus());
  const said = outcome();
  const last = recent(() => focus());
  const modes = modeChoice(() => (said.clear(), focus()));
  const code = field({ name: "code", label: t("scan.code"), maxlength: 300, autofocus: true, autocapitalize: "none", spellcheck: "false", enterkeyhint: "done" });
  const reason = field({ name: "reason", label: t("scan.reason"), value: localStorage.getItem(REASON) || "", hint: t("scan.reason_hint"), maxlength: 500, onchange: keepReason });
  const eye = camera((text) => scanned(text));
  const known = new Map();
  let newest = 0;

  function focus() {
    if (code.control.isConnected && !document.querySelector("dialog[open]")) code.control.focus({ preventScroll: true });
  }

  function keepReason() {
    localStorage.setItem(REASON, reason.control.value.trim());
    focus();
  }

  function submitted(event) {
    event.preventDefault();
    const text = code.control.value.trim();
    code.control.value = "";
    if (text) scanned(text);
    focus();
  }

  async function scanned(text) {
    try {
      await { receive: move, issue: move, count, look: show }[modes.chosen()](text);
    } catch (error) {
      said.show("bad", [t(error instanceof NotKept ? "scan.not_kept" : "error.title"), reasonOf(error)]);
    }
    focus();
  }

  async function move(text) {
    const { amount, code } = amountAndCode(text);
    if (amount < 1) throw new Error(t("scan.amount"));
    await book({ kind: modes.chosen(), code, quantity: amount });
  }

  async function count(text) {
    const counted = await askForCount(text);
    if (counted) await book({ kind: "count", ...counted });
  }

  async function book(act) {
    const id = await take({ ...act, location: place.code(), reason: reason.control.value.trim() || t(`scan.reason.${act.kind}`) });
    newest = id;
    known.set(id, "waiting");
    wake();
    setTimeout(() => known.get(id) === "waiting" && newest === id && announce(id), PATIENCE);
    if (status.away) await announce(id);
  }

  async function announce(id) {
    const act = await actOf(id);
    if (act && known.get(`said ${id}`) !== act.state) said.of(act);
    if (act) known.set(`said ${id}`, act.state);
  }

  async function show(text) {
    const found = await look(text, all);
    if (found) said.found(found);
    else said.show("bad", [t("act.unknown_code", { code: text })], may("write") && toMake(text));
  }

  async function fill() {
    const mine = (await acts()).filter((act) => act.user.id === user.id);
    last.fill(mine);
    for (const act of mine) {
      const before = known.get(act.id);
      known.set(act.id, act.state);
      // The newest is always told, of the others what was refused.
      if (before === "waiting" && before !== act.state && (act.id === newest || act.state === "refused")) await announce(act.id);
    }
  }

  function onkey(event) {
    if (document.querySelector("dialog[open]") || event.altKey || event.ctrlKey || event.metaKey) return;
    // What a scanner types belongs into the field, wherever the focus was left.
    if (/^[^ ]$/.test(event.key) && !event.target.closest(WRITTEN_IN)) focus();
    const mode = MODES.find(([, key]) => key === event.key)?.[0];
    if (!mode || !modes.choose(mode)) return;
    event.preventDefault();
  }

  const onclick = (event) => event.target.closest(KEEPS_FOCUS) || focus();
  const onchange = () => fill().catch((error) => said.show("bad", [t("scan.not_kept"), error.message]));
  document.addEventListener("keydown", onkey);
  document.addEventListener("click", onclick);
  window.addEventListener("focus", focus);
  changes.addEventListener("change", onchange);
  await fill().catch((error) => said.show("bad", [t("error.title"), reasonOf(error)]));
  return {
    title: t("scan.title"),
    content: h(
      "div",
      { class: "scan" },
      h("div", { class: "stack" }, [
        modes.node,
        h("form", { class: "code-form", novalidate: true, onsubmit: submitted }, code.node, h("button", { class: "primary" }, t("scan.take"))),
        said.node,
        eye?.node,
        may("write") && h("div", { class: "columns" }, place.field?.node, reason.node),
        help(),
      ]),
      last.node,
    ),
    leave() {
      eye?.stop();
      document.removeEventListener("keydown", onkey);
      document.removeEventListener("click", onclick);
      window.removeEventListener("focus", focus);
      changes.removeEventListener("change", onchange);
    },
  };
}

function modeChoice(onchange) {
  const allowed = MODES.map(([name]) => name).filter((name) => name === "look" || may("write"));
  const kept = localStorage.getItem(MODE);
  const first = allowed.includes(kept) ? kept : allowed[0];
  const changed = () => {
    localStorage.setItem(MODE, chosen());
    onchange();
  };
  const radios = allowed.map((name) => h("input", { type: "radio", name: "mode", value: name, checked: name === first, onclick: changed }));
  const chosen = () => radios.find((radio) => radio.checked).value;
  const choices = radios.map((radio) => h("label", { class: "mode" }, radio, t(`scan.mode.${radio.value}`)));
  return {
    node: h("fieldset", { class: "modes" }, h("legend", {}, t("scan.mode")), choices),
    chosen,
    /** Choose a mode; returns whether there is such a one. */
    choose(name) {
      const radio = radios.find((each) => each.value === name);
      if (radio) radio.checked = true;
      if (radio) changed();
      return Boolean(radio);
    },
  };
}

function help() {
  const keys = facts(MODES.map(([name, key]) => [h("kbd", {}, key), t(`scan.mode.${name}`)]));
  const texts = [t("scan.help_count"), t("scan.help_offline"), t("scan.help_keys")];
  return h("details", {}, h("summary", {}, t("scan.help")), texts.map((text) => h("p", {}, text)), keys);
}
