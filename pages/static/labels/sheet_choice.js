/** Which sheet of labels: one that is sold, or one's own; the last one is remembered in this browser. */

import { h } from "../core/dom.js";
import { field } from "../core/form.js";
import { amountText, parseAmount, t } from "../core/words.js";
import { MEASURES, SHEETS, faultOf, fits, sheetTitle } from "./sheets.js";

const KEPT = "stockroom.labels";
const OWN = "own";

/** Return the choice of a sheet: {node, sheet(), used()}. `changed()` is called after each change of somebody's. */
export function sheetChoice(changed) {
  const kept = remembered();
  const options = SHEETS.map((sheet) => ({ value: sheet.name, label: sheetTitle(sheet) }));
  const choice = field({
    name: "sheet", label: t("labels.sheet"), kind: "choice", value: kept.name, onchange,
    options: [...options, { value: OWN, label: t("labels.own") }],
  });
  const fields = MEASURES.map((name) => field({ name, label: t(`labels.${name}`), value: amountText(kept.own[name]), inputmode: "decimal", oninput: onchange }));
  const measures = h("fieldset", {}, h("legend", {}, t("labels.measures")), h("div", { class: "columns" }, fields.map((each) => each.node)));
  const start = field({ name: "start", label: t("labels.start"), hint: t("labels.start_hint"), kind: "integer", value: "1", oninput: onchange });
  const problem = h("p", { class: "error", role: "alert" });

  function onchange() {
    adapt();
    changed();
  }

  function adapt() {
    measures.hidden = choice.control.value !== OWN;
    const found = sheet();
    start.node.hidden = found !== null && found.columns * found.rows === 1;
    if (found) localStorage.setItem(KEPT, JSON.stringify({ name: choice.control.value, own: choice.control.value === OWN ? found : kept.own }));
  }

  /** Return the chosen sheet; null if it is one's own and something is wrong with it, which is shown. */
  function sheet() {
    problem.textContent = "";
    if (choice.control.value !== OWN) return named(choice.control.value);
    const found = { title: "" };
    let isRight = true;
    for (const each of fields) {
      found[each.name] = Number(parseAmount(each.control.value) ?? NaN);
      const fault = faultOf(each.name, found[each.name]);
      if (fault) each.refuse(fault);
      else each.accept();
      isRight &&= !fault;
    }
    if (isRight && !fits(found)) {
      problem.textContent = t("labels.too_large");
      isRight = false;
    }
    return isRight ? found : null;
  }

  adapt();
  return {
    node: h("div", { class: "stack" }, choice.node, measures, problem, start.node),
    sheet,
    /** Return how many labels of the first sheet are gone already; null if that is no number that it can be, which is shown. */
    used() {
      const found = sheet();
      const most = found ? found.columns * found.rows : 1;
      const first = start.node.hidden || !start.control.value.trim() ? 1 : Number(start.control.value);
      const isRight = Number.isInteger(first) && first >= 1 && first <= most;
      if (isRight) start.accept();
      else start.refuse(t("labels.bounds", { least: 1, most }));
      return isRight ? first - 1 : null;
    },
  };
}

/** Return the sheet that was chosen last here; what is kept may be of an older page. */
function remembered() {
  const usual = { name: SHEETS[0].name, own: SHEETS[0] };
  try {
    const { name, own } = JSON.parse(localStorage.getItem(KEPT));
    const isRight = MEASURES.every((measure) => faultOf(measure, own[measure]) === "");
    return (name === OWN || named(name)) && isRight ? { name, own } : usual;
  } catch {
    return usual;
  }
}

function named(name) {
  return SHEETS.find((sheet) => sheet.name === name);
}
