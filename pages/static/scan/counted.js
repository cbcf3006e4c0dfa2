/** The number that was counted of one item, asked for after its code. */

import { dialog } from "../core/dialog.js";
import { h, replace } from "../core/dom.js";
import { Mistake, field, form } from "../core/form.js";
import { parseInteger, t } from "../core/words.js";
import { findItem } from "../offline/item.js";
import { toMake } from "./outcome.js";

// Longer numbers are codes that were scanned into the field, as those of EAN and UPC.
const MOST = 999_999;

/** Ask how many there are of what has this code; returns {code, item, quantity}, undefined if it is not said. */
export function askForCount(code) {
  return dialog(t("scan.count_title"), (close) => {
    const name = h("p", {}, code);
    const unknown = h("div", { role: "alert" });
    let item;
    findItem(code).then(
      (found) => {
        item = found && { id: found.id, sku: found.sku, name: found.name, unit: found.unit };
        if (found) replace(name, h("strong", {}, found.name), ` (${found.sku})`);
        else replace(unknown, h("p", {}, t("act.unknown_code", { code })), toMake(code));
      },
      () => replace(unknown, h("p", { class: "muted" }, t("scan.count_away"))),
    );
    // Not by the kind of integer, which would read a code as a number and say nothing of it.
    const quantity = field({ name: "quantity", label: t("scan.counted"), hint: t("scan.counted_hint"), required: true, inputmode: "numeric" });
    const run = ({ quantity: text }) => {
      if (item === null) throw new Mistake(t("act.unknown_code", { code }));
      const value = parseInteger(text);
      if (Number.isNaN(value) || value < 0) throw new Mistake(t("scan.counted_number"));
      if (value > MOST) throw new Mistake(t("scan.counted_code", { text }));
      close({ code, item, quantity: value });
    };
    return h("div", { class: "stack" }, name, unknown, form({ fields: [quantity], submit: t("scan.count_book"), run, cancel: () => close() }));
  });
}
