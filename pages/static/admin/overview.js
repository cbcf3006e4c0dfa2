/** The overview of the administration: what there is, and what wants a look. */

import { get, getAll } from "../core/api.js";
import { h } from "../core/dom.js";
import { t } from "../core/words.js";

/** Return the page, with a card for each of the parts. */
export async function overview(parts) {
  const [active, admins, webhooks, subscriptions] = await Promise.all([
    get("/users", { active: "true", limit: 1, page: 1 }),
    get("/users", { active: "true", role: "admin", limit: 1, page: 1 }),
    getAll("/webhooks"),
    getAll("/subscriptions"),
  ]);
  const said = {
    users: [t("admin.users.active", { n: active.total_items }), t("admin.users.admins", { n: admins.total_items })],
    webhooks: [t("admin.webhooks.count", { n: webhooks.length }), ...states(webhooks)],
    subscriptions: [t("admin.subscriptions.count", { n: subscriptions.length }), failing(subscriptions)],
  };
  const cards = parts.map((part) =>
    h("section", { class: "card stack" }, [
      h("h2", {}, h("a", { href: `/app/admin/${part}` }, t(`admin.${part}.title`))),
      h("p", {}, t(`admin.${part}.about`)),
      said[part] && h("p", {}, said[part].filter(Boolean).map((text) => [text, " "])),
    ]),
  );
  return { title: t("admin.title"), content: h("div", { class: "cards" }, cards) };
}

function states(webhooks) {
  const kinds = { waiting: "warn", paused: "bad" };
  return Object.entries(kinds).map(([state, kind]) => {
    const n = webhooks.filter((each) => each.state === state).length;
    return n > 0 && h("span", { class: `badge ${kind}` }, t(`admin.webhooks.${state}`, { n }));
  });
}

function failing(subscriptions) {
  const n = subscriptions.filter((each) => each.failing_since).length;
  return n > 0 && h("span", { class: "badge warn" }, t("admin.subscriptions.failing", { n }));
}
