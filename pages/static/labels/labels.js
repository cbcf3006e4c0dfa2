/** Labels: for chosen items, on the sheet that lies in the printer, or as ZPL. */

import { get, path } from "../core/api.js";
import { h, replace } from "../core/dom.js";
import { save } from "../core/files.js";
import { field } from "../core/form.js";
import { allPlaces } from "../core/places.js";
import { failure, say } from "../core/status.js";
import { t } from "../core/words.js";
import { itemChoice } from "./choice.js";
import { preview } from "./preview.js";
import { sheetChoice } from "./sheet_choice.js";
import { zplOf } from "./zpl.js";

const PAUSE = 250; // milliseconds without a change, after which the sheets are shown anew
const MOST_LABELS = 2000;
const DENSITIES = ["203", "300", "600"];

/** Return the page; `item` in the query of its address, also several times, is chosen at first. */
export default async function labels({ query }) {
  const ids = query.getAll("item").filter((id) => /^\d+$/.test(id));
  const [places, ...first] = await Promise.all([allPlaces(), ...ids.map((id) => get(path`/items/${id}`))]);
  const items = itemChoice(places, first, () => changed(PAUSE));
  const sheets = sheetChoice(() => changed(PAUSE));
  const shown = preview();
  const dpi = field({ name: "dpi", label: t("labels.dpi"), kind: "choice", options: DENSITIES.map((value) => ({ value, label: `${value} dpi` })) });
  const print = h("button", { type: "button", class: "primary", onclick: () => printAll() }, t("labels.print"));
  const download = h("button", { type: "button", onclick: () => zpl((text) => save(new Blob([text], { type: "text/plain" }), "labels.zpl")) }, t("labels.zpl_save"));
  const copy = h("button", { type: "button", onclick: () => zpl(toClipboard) }, t("labels.zpl_copy"));
  const status = h("p", { class: "muted", role: "status" });
  const problem = h("div", { role: "alert" });
  let waiting;

  function changed(pause = 0) {
    clearTimeout(waiting);
    waiting = setTimeout(show, pause);
  }

  /** Show the sheets as they are chosen now; returns whether they can be printed. */
  function show() {
    const sheet = sheets.sheet();
    const used = sheets.used();
    const chosen = items.chosen();
    const wanted = (chosen ?? []).flatMap(({ item, copies }) => Array(copies).fill(item));
    const tooMany = wanted.length > MOST_LABELS;
    const isRight = sheet !== null && used !== null && chosen !== null && !tooMany;
    const isReady = isRight && wanted.length > 0;
    replace(problem, tooMany && h("p", { class: "notice warn" }, t("labels.too_many", { n: wanted.length, most: MOST_LABELS })));
    for (const button of [print, download, copy]) button.disabled = !isReady;
    replace(status, !isRight && !tooMany && t("labels.wrong"));
    if (!isRight) return false;
    const pages = shown.show(sheet, wanted, used);
    replace(status, wanted.length > 0 ? `${t("labels.n", { n: wanted.length })} · ${t("labels.pages", { n: pages })}` : t("labels.empty"));
    return isReady;
  }

  /** Print when every label is there: one that is not is an empty place on the sheet. */
  async function printAll() {
    clearTimeout(waiting);
    if (!show()) return;
    print.disabled = true;
    const words = status.textContent;
    const total = items.chosen().reduce((sum, each) => sum + each.copies, 0);
    try {
      const missing = await shown.loaded((n) => replace(status, t("labels.ready", { n, total })));
      if (missing) replace(problem, h("div", { class: "notice bad" }, h("p", {}, t("labels.missing", { n: missing })), h("button", { type: "button", onclick: printAll }, t("again"))));
      else window.print();
    } finally {
      print.disabled = false;
      replace(status, words);
    }
  }

  async function zpl(use) {
    const sheet = sheets.sheet();
    const chosen = items.chosen()?.filter((each) => each.copies > 0);
    if (!sheet || !chosen) return;
    const words = status.textContent;
    download.disabled = copy.disabled = true;
    replace(problem);
    try {
      await use(await zplOf(chosen, sheet, dpi.control.value, (n) => replace(status, t("labels.ready", { n, total: chosen.length }))));
    } catch (error) {
      replace(problem, failure(error));
    } finally {
      download.disabled = copy.disabled = false;
      replace(status, words);
    }
  }

  const printers = h("details", {}, h("summary", {}, t("labels.zpl")), h("div", { class: "stack" }, h("p", { class: "hint" }, t("labels.zpl_hint")), dpi.node, h("div", { class: "actions" }, download, clipboard() && copy)));
  const setup = h("div", { class: "setup stack" }, [
    h("section", { class: "card stack" }, h("h2", {}, t("labels.which")), items.node),
    h("section", { class: "card stack" }, h("h2", {}, t("labels.where")), sheets.node, printers),
  ]);
  const result = [
    h("div", { class: "actions" }, print, status),
    h("p", { class: "hint" }, t("labels.print_hint")),
    problem,
    shown.node,
  ];
  show();
  return {
    title: t("labels.title"),
    content: h("div", { class: "labels" }, setup, h("section", { class: "result", "aria-label": t("labels.preview") }, result)),
    leave() {
      clearTimeout(waiting);
      items.leave();
      shown.leave();
    },
  };
}

/** Return the clipboard; a page that came over plain HTTP has none. */
function clipboard() {
  return navigator.clipboard;
}

async function toClipboard(text) {
  await clipboard().writeText(text);
  say(t("labels.copied"), "good");
}
