/** The sheets as they are printed, and the print: nothing but labels, each page of the size of the sheet. */

import { h, replace } from "../core/dom.js";
import { showImage } from "../core/files.js";
import { t } from "../core/words.js";
import { drawn, rulesOf } from "./sheets.js";

/**
 * Return the sheets: {node, show(sheet, items, used), loaded(onprogress), leave()}.
 *
 * The size of the page is a rule of a style sheet that is made here, as no element may have a style of its own.
 */
export function preview() {
  const node = h("div", { class: "sheets" });
  const rules = new CSSStyleSheet();
  document.adoptedStyleSheets = [...document.adoptedStyleSheets, rules];
  let images = [];

  function image({ id, sku, name }, size) {
    const element = h("img", { alt: t("labels.of", { sku, name }), decoding: "async" });
    showImage(element, `/items/${id}/label`, { format: "svg", ...size });
    return element;
  }

  return {
    node,
    /** Show the labels of `items`, each with its number of copies; `used` labels of the first sheet are left free. */
    show(sheet, items, used) {
      rules.replaceSync(rulesOf(sheet));
      const size = drawn(sheet);
      images = items.map((item) => image(item, size));
      const cells = [...Array.from({ length: used }, () => h("div")), ...images.map((each) => h("div", { class: "label" }, each))];
      const many = sheet.columns * sheet.rows;
      const pages = Math.ceil(cells.length / many);
      const page = (n) => h("section", { class: "sheet", "aria-label": t("labels.page", { n: n + 1, pages }) }, cells.slice(n * many, (n + 1) * many));
      replace(node, items.length > 0 && Array.from({ length: pages }, (_, n) => page(n)));
      return pages;
    },
    /** Wait until every label is there; returns how many could not be loaded. `onprogress(n)` is called on the way. */
    async loaded(onprogress) {
      let ready = 0;
      const results = await Promise.all(images.map((each) => settled(each).then((isThere) => (onprogress((ready += 1)), isThere))));
      return results.filter((isThere) => !isThere).length;
    },
    leave() {
      document.adoptedStyleSheets = document.adoptedStyleSheets.filter((each) => each !== rules);
    },
  };
}

function settled(image) {
  if (image.complete && image.src) return Promise.resolve(image.naturalWidth > 0);
  return new Promise((resolve) => {
    image.addEventListener("load", () => resolve(true), { once: true });
    image.addEventListener("error", () => resolve(false), { once: true });
  });
}
