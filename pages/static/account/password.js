/** The change of one's password. */

import { send } from "../core/api.js";
import { field, form } from "../core/form.js";
import { user } from "../core/session.js";
import { say } from "../core/status.js";
import { t } from "../core/words.js";

/** Return the form; every session ends with the old password, so it leads to the sign-in. */
export function passwordForm() {
  const current = { name: "current_password", label: t("account.password.current"), autocomplete: "current-password" };
  const next = { name: "new_password", label: t("account.password.new"), autocomplete: "new-password" };
  // Programs that keep passwords want to know whose it is.
  const name = field({ name: "username", label: "", value: user.username, autocomplete: "username" });
  name.node.hidden = true;
  const fields = [
    field({ ...current, kind: "password", required: true }),
    field({ ...next, kind: "password", required: true, hint: t("account.password.hint") }),
  ];
  const element = form({ fields, submit: t("account.password.submit"), run });
  element.prepend(name.node);
  return element;
}

async function run(body) {
  await send("PUT", "/users/me/password", { body });
  say(t("account.password.changed"), "good");
  window.dispatchEvent(new CustomEvent("signedout"));
}
