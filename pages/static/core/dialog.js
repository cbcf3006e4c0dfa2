/** Dialogs: one above the page, closed by Escape, and the focus back where it was. */

import { h, uniqueId } from "./dom.js";
import { t } from "./words.js";

/** Open a dialog with a title; `fill(close)` returns its content. Returns when it is closed what `close` was given. */
export function dialog(title, fill) {
  return new Promise((resolve) => {
    const id = uniqueId("title");
    const before = document.activeElement;
    let result;
    const close = (value) => {
      result = value;
      element.close();
    };
    const dismiss = h("button", { type: "button", class: "plain", "aria-label": t("close"), onclick: () => close() }, "✕");
    const element = h(
      "dialog",
      { "aria-labelledby": id },
      h("header", {}, h("h2", { id }, title), dismiss),
      fill(close),
    );
    element.addEventListener("close", () => {
      element.remove();
      if (before?.isConnected) before.focus();
      resolve(result);
    });
    document.body.append(element);
    element.showModal();
    element.querySelector("input:not([type=hidden]), select, textarea")?.focus();
  });
}

/** Ask whether to go on; returns whether the answer was yes. `verb` names what the button does. */
export async function confirm(title, text, verb) {
  const answer = await dialog(title, (close) => [
    h("p", {}, text),
    h(
      "div",
      { class: "actions" },
      h("button", { type: "button", class: "primary", onclick: () => close(true) }, verb),
      h("button", { type: "button", onclick: () => close(false) }, t("cancel")),
    ),
  ]);
  return answer === true;
}
