/** The administration: users, tokens, webhooks, mail, and the audit. */

import { get } from "../core/api.js";
import { h } from "../core/dom.js";
import { addStyle } from "../core/router.js";
import { may } from "../core/session.js";
import { t } from "../core/words.js";

const PARTS = {
  users: () => import("./users.js"),
  tokens: () => import("./tokens.js"),
  webhooks: () => import("./webhooks.js"),
  subscriptions: () => import("./subscriptions.js"),
  audit: () => import("./audit.js"),
};

/** Return the page; to who is no admin the API says so. */
export default async function admin({ params, ...visit }) {
  if (!may("admin")) await get("/users", { limit: 1 });
  await addStyle("account/account.css");
  const [part, id, more] = (params.rest || "").split("/");
  if (!part) return (await import("./overview.js")).overview(Object.keys(PARTS));
  if (part === "webhooks" && id && !more) return within(await (await import("./webhook.js")).webhook(id));
  if (!Object.hasOwn(PARTS, part) || id !== undefined) return within({ title: t("error.no_page"), content: null });
  return within(await (await PARTS[part]()).default(visit));
}

/** Return the page of a part, with the ways to all parts above it. */
function within(page) {
  const links = Object.keys(PARTS).map((part) => h("li", {}, h("a", { href: `/app/admin/${part}` }, t(`admin.${part}.title`))));
  const parts = h("nav", { class: "parts no-print", "aria-label": t("admin.parts") }, h("ul", {}, links));
  return { ...page, content: [parts, page.content] };
}
