/** Secrets that the service shows once. */

import { dialog } from "../core/dialog.js";
import { h, uniqueId } from "../core/dom.js";
import { say } from "../core/status.js";
import { t } from "../core/words.js";

/** Show a secret in a dialog, to be copied; `more` stands below it. Returns when it was closed. */
export function showSecret(title, text, secret, ...more) {
  return dialog(title, (close) => {
    const id = uniqueId("secret");
    const input = h("input", { id, type: "text", value: secret, readonly: true, autocomplete: "off", spellcheck: "false" });
    return h("div", { class: "stack" }, [
      h("p", {}, text),
      h("div", { class: "secret" }, h("label", { for: id }, t("account.secret")), input, copyButton(secret, input)),
      more,
      h("div", { class: "actions" }, h("button", { type: "button", class: "primary", onclick: () => close(true) }, t("account.secret.done"))),
    ]);
  });
}

function copyButton(text, input) {
  const words = h("span", { role: "status" }, t("account.secret.copy"));
  return h("div", { class: "actions" }, h("button", { type: "button", onclick: copy }, words));

  async function copy() {
    input.select();
    try {
      await navigator.clipboard.writeText(text);
      words.textContent = t("account.secret.copied");
    } catch {
      // The browser does not let us; the text is selected.
      say(t("account.secret.copy_by_hand"));
    }
  }
}
