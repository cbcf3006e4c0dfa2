/** Forms in dialogs. */

import { dialog } from "./dialog.js";
import { h } from "./dom.js";
import { form } from "./form.js";

/**
 * Ask for the values of fields in a dialog, with `text` above them. Returns what `run(values, key)` returns, true where
 * that is nothing, and undefined if it was closed. Where `run` returns false, the dialog stays.
 */
export function ask(title, { fields, submit, run, text }) {
  return dialog(title, (close) => {
    const sent = async (values, key) => {
      const result = await run(values, key);
      if (result !== false) close(result ?? true);
    };
    return [text && h("p", {}, text), form({ fields, submit, run: sent, cancel: () => close() })];
  });
}
