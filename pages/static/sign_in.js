/** The page where somebody signs in. */

import { Mistake, field, form } from "./core/form.js";
import { h } from "./core/dom.js";
import { signIn, user } from "./core/session.js";
import { t } from "./core/words.js";

const PROVIDER = "/api/v1/auth/oidc/login?page=true";

/** Return the content of the page; `done` is called once somebody has signed in. */
export function signInPage(done) {
  const fields = [
    field({ name: "username", label: t("sign_in.username"), required: true, autocomplete: "username", autocapitalize: "none" }),
    field({ name: "password", label: t("sign_in.password"), kind: "password", required: true, autocomplete: "current-password" }),
  ];
  const run = async ({ username, password }) => {
    await signIn(username, password);
    if (!user) throw new Mistake(t(isSecureContext ? "sign_in.no_cookie" : "sign_in.plain_http"));
    await done();
  };
  // Anybody can write such an address, so nothing but a code is shown of it.
  const [refused] = /^[a-z_]{1,40}$/.exec(new URLSearchParams(location.search).get("problem") || "") || [];
  return h(
    "section",
    { class: "sign-in" },
    refused && h("div", { class: "notice bad", role: "alert" }, t("sign_in.refused", { code: refused })),
    form({ fields, submit: t("sign_in.submit"), run }),
    "provider" in document.documentElement.dataset && h("a", { href: PROVIDER, class: "button" }, t("sign_in.provider")),
  );
}
