/** The count: what a location has is counted, compared, and booked at once. */

import { confirm } from "../core/dialog.js";
import { h, replace } from "../core/dom.js";
import { field } from "../core/form.js";
import { go } from "../core/router.js";
import { failure, reason as reasonOf, say } from "../core/status.js";
import { parseInteger, t, time } from "../core/words.js";
import { amountAndCode, skuOfLabel } from "../offline/item.js";
import { attemptToKeep } from "../offline/keeping.js";
import { choiceOf, places } from "../offline/places.js";
import { acts, drop, take } from "../offline/queue.js";
import { wake } from "../offline/sender.js";
import { bad, good } from "../scan/sound.js";
import { keepCount, keptCount, listOf, loadList, lookUp } from "./list.js";
import { rowsOf } from "./rows.js";
import { MOST, variance } from "./variance.js";

const BLIND = "stockroom.count_blind";
const LARGEST = 1_000_000_000;

/**
 * Return the page; `location` in the query is the one to count, and `again` the act of a count that was refused, and is
 * looked at again.
 */
export default async function count({ query, remember }) {
  const again = query.get("again") && (await acts()).find((act) => act.id === Number(query.get("again")) && act.state === "refused");
  const place = choiceOf(await places(), chosen, again ? again.location : query.get("location"));
  const [head, said, outlet] = [h("div"), h("div", { role: "status", class: "count-said" }), h("div")];
  const blind = field({ name: "blind", label: t("count.blind"), kind: "check", value: localStorage.getItem(BLIND) === "true", onchange: hide });
  const code = field({ name: "code", label: t("scan.code"), maxlength: 300, autofocus: true, autocapitalize: "none", spellcheck: "false", hint: t("count.code_hint") });
  const rows = rowsOf(write);
  const bar = h("div", { class: "count-bar" });
  let run = 0;
  // What is shown: the location, its list, and what was counted of it.
  let [at, list, counted] = ["", { at: null, rows: [] }, { entries: {}, extra: [] }];

  const all = () => [...counted.extra, ...list.rows.filter((row) => !counted.extra.some((each) => each.id === row.id))];
  const fail = (error) => replace(outlet, failure(error, () => open()));

  function chosen() {
    remember({});
    open();
  }

  /** Show the location that is chosen. Until it is there nothing is shown, so that nothing is written to another one. */
  async function open(anew = false) {
    const [mine, wanted] = [(run += 1), place.code()];
    replace(outlet);
    const progress = (n) => mine === run && replace(head, h("p", { class: "muted", role: "status" }, t("count.loading", { n })));
    try {
      const before = await keptCount(wanted);
      const found = await listOf(wanted, before, anew, progress);
      if (mine !== run) return;
      [at, list, counted] = [wanted, found, before];
      show();
    } catch (error) {
      if (mine === run) fail(error);
    }
  }

  function show() {
    replace(head, h("p", { class: "muted" }, t("count.loaded"), " ", time(list.at), " ", h("button", { type: "button", class: "plain", onclick: () => open(true) }, t("count.load"))));
    rows.show(all(), counted.entries);
    hide();
    const entry = h("form", { class: "count-code", novalidate: true, onsubmit: submitted }, code.node, h("button", { class: "primary" }, t("count.add")));
    replace(outlet, h("div", { class: "stack" }, h("div", { class: "count-entry" }, entry, said), all().length ? rows.node : empty(), bar));
    fillBar();
  }

  function hide() {
    localStorage.setItem(BLIND, String(blind.read()));
    rows.blind(blind.read());
  }

  function fillBar() {
    const n = Object.keys(counted.entries).length;
    replace(
      bar,
      h("span", {}, t("count.so_far", { n })),
      h("button", { type: "button", class: "primary", disabled: !n, onclick: compare }, t("count.compare")),
      n > 0 && h("button", { type: "button", class: "danger", onclick: askToDrop }, t("count.drop")),
    );
  }

  /** Keep what the field of a row says. It is compared with what the location had when its counting began. */
  async function write(row, text, expected = row.expected) {
    const entry = { text, expected };
    if (text.trim() === "") delete counted.entries[row.id];
    else counted.entries[row.id] = entry;
    rows.set(row, counted.entries[row.id]);
    fillBar();
    await keepCount(at, counted).catch((error) => tell("bad", t("count.not_kept"), error.message));
  }

  function submitted(event) {
    event.preventDefault();
    const text = code.control.value.trim();
    code.control.value = "";
    if (text) scanned(text).catch((error) => tell("bad", t("count.not_added", { code: text }), reasonOf(error)));
  }

  async function scanned(text) {
    const { amount, code } = amountAndCode(text);
    if (amount < 1) return tell("bad", t("scan.amount"));
    const row = listed(code) || (await added(code));
    if (!row) return tell("bad", t("act.unknown_code", { code }));
    const before = parseInteger(counted.entries[row.id]?.text ?? "0");
    const now = (Number.isNaN(before) ? 0 : before) + amount;
    await write(row, String(now), counted.entries[row.id]?.expected);
    rows.jump(row);
    return tell("good", t("count.added", { name: row.name, n: now }));
  }

  function listed(code) {
    const sku = (skuOfLabel(code) ?? code).toLowerCase();
    return all().find((each) => each.barcode === code) || all().find((each) => each.sku.toLowerCase() === sku);
  }

  async function added(text) {
    const mine = run;
    const row = await lookUp(text, at);
    if (mine !== run) throw new Error(t("count.left"));
    const same = row && all().find((each) => each.id === row.id);
    if (!row || same) return same;
    counted.extra.unshift(row);
    show();
    return row;
  }

  function tell(kind, ...texts) {
    replace(said, h("div", { class: `notice ${kind}` }, texts.map((text) => h("p", {}, text))));
    if (!said.isConnected) return; // somebody has left the page meanwhile
    if (kind === "bad") bad();
    else good();
    code.control.focus({ preventScroll: true });
  }

  function lines() {
    const found = all().filter((row) => counted.entries[row.id]);
    return found.map((row) => ({ row, quantity: parseInteger(counted.entries[row.id].text), expected: counted.entries[row.id].expected }));
  }

  function compare() {
    const wrong = lines().find(({ quantity }) => !(quantity >= 0 && quantity <= LARGEST));
    if (wrong) {
      rows.jump(wrong.row);
      return tell("bad", t("count.unreadable", { name: wrong.row.name }));
    }
    const shown = variance(lines(), book, show);
    replace(head);
    replace(outlet, shown);
    shown.querySelector("h2").focus();
    return undefined;
  }

  async function book(reason) {
    const counting = at;
    const found = lines().map(({ row: { id, sku, name }, quantity, expected }) => ({ item: { id, sku, name }, quantity, expected }));
    for (let first = 0; first < found.length; first += MOST) {
      await take({ kind: "batch", lines: found.slice(first, first + MOST), location: counting, reason });
    }
    await keepCount(counting, undefined);
    wake();
    await go("/app/waiting");
    say(t("count.taken", { n: found.length }), "good");
  }

  async function askToDrop() {
    const n = Object.keys(counted.entries).length;
    if (!(await confirm(t("count.drop"), t("count.drop_text", { n }), t("count.drop")))) return;
    await attemptToKeep(async () => {
      await keepCount(at, undefined);
      await open(true);
    });
  }

  /** Take a count that was refused back into the fields, beside what the location has now. */
  async function takeBack(act) {
    at = act.location;
    list = await loadList(at, () => {});
    counted = await keptCount(at);
    for (const { item, quantity, expected } of act.lines) {
      const row = all().find((each) => each.id === item.id) || (await lookUp(item.sku, at));
      if (!row) continue;
      if (!all().includes(row)) counted.extra.push(row);
      counted.entries[row.id] = { text: String(quantity), expected: row.expected, was: row.expected === expected ? undefined : expected };
    }
    await keepCount(at, counted);
    await drop(act);
    remember({ location: at });
    show();
  }

  await (again ? takeBack(again).catch(fail) : open());
  return {
    title: t("count.title"),
    content: h("div", { class: "stack" }, h("div", { class: "columns" }, place.field?.node, blind.node), head, outlet),
  };
}

function empty() {
  return h("div", { class: "empty" }, h("p", {}, t("count.empty")), h("a", { href: "/app/items/new", class: "button" }, t("stock.new")));
}
