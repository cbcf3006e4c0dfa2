/** Users: who may sign in, and what each of them may do. */

import { get, path, send } from "../core/api.js";
import { ask } from "../core/ask.js";
import { confirm } from "../core/dialog.js";
import { h, replace } from "../core/dom.js";
import { field } from "../core/form.js";
import { allPlaces } from "../core/places.js";
import { user as me } from "../core/session.js";
import { attempt, say } from "../core/status.js";
import { onward, table } from "../core/table.js";
import { date, t } from "../core/words.js";
import { locationsField } from "../account/locations.js";

const ROLES = ["guest", "member", "admin"];

/** Return the page. */
export default async function users() {
  const places = await allPlaces();
  const list = h("div");
  const end = onward((rows) => shown.add(rows));
  let shown;

  function start() {
    shown = usersTable(places, (user) => attempt(() => edit(user, places, start)));
    replace(list, shown.node);
    return end.start((cursor) => get("/users", { cursor, sort: "username" }));
  }

  await start();
  const make = h("button", { type: "button", class: "primary", onclick: () => makeUser(places, start) }, t("admin.users.new"));
  return { title: t("admin.users.title"), actions: make, content: [list, end.node] };
}

function usersTable(places, open) {
  const bound = { label: t("account.locations"), kind: "minor", cell: (user) => user.locations.join(", ") || t("admin.users.everywhere") };
  const off = () => h("span", { class: "badge bad" }, t("admin.users.inactive"));
  return table({
    caption: t("admin.users.title"),
    open,
    columns: [
      { label: t("sign_in.username"), kind: "wide", head: true, cell: (user) => [name(user, open), " ", !user.active && off()] },
      { label: t("account.role"), cell: (user) => t(`account.role.${user.role}`) },
      { label: t("account.email"), kind: "minor", cell: (user) => user.email || "" },
      ...(places.length > 1 ? [bound] : []),
      { label: t("account.since"), kind: "minor", cell: (user) => date(user.created_at) },
    ],
  });
}

function name(user, open) {
  const label = t("admin.users.change", { name: user.username });
  return h("button", { type: "button", class: "plain", id: `user-${user.id}`, "aria-label": label, onclick: () => open(user) }, user.username);
}

function common(places, { role = "guest", email = "", locations = [] } = {}) {
  const roles = ROLES.map((value) => ({ value, label: t(`account.role.${value}`) }));
  return [
    field({ name: "role", label: t("account.role"), kind: "choice", options: roles, value: role }),
    field({ name: "email", label: t("account.email"), value: email, nullable: true, inputmode: "email", hint: t("admin.users.email_hint") }),
    // Who has one location never meets the word.
    (places.length > 1 || locations.length > 0) && locationsField(places, locations, t("admin.users.locations_hint")),
  ].filter(Boolean);
}

async function makeUser(places, again) {
  const fields = [
    field({ name: "username", label: t("sign_in.username"), required: true, autocapitalize: "none" }),
    field({ name: "password", label: t("sign_in.password"), kind: "password", required: true, autocomplete: "new-password", hint: t("admin.users.password_hint") }),
    ...common(places),
  ];
  const run = async (body) => (await send("POST", "/users", { body })).data;
  const made = await ask(t("admin.users.new"), { fields, submit: t("admin.users.make"), run });
  if (!made) return;
  await again();
  say(t("admin.users.made", { name: made.username }), "good");
}

async function edit({ id }, places, again) {
  const { data: user, etag } = await send("GET", path`/users/${id}`);
  const fields = [
    ...common(places, user),
    field({ name: "active", label: t("admin.users.may_sign_in"), kind: "check", value: user.active, hint: t("admin.users.active_hint") }),
    field({ name: "password", label: t("admin.users.password"), kind: "password", autocomplete: "new-password", hint: t("admin.users.keep_hint") }),
  ];
  const run = async (values) => {
    const body = changes(user, values);
    const question = body.active === false ? "admin.users.end_ask" : body.password ? "admin.users.password_ask" : "";
    if (question && !(await confirm(t("admin.users.sure"), t(question, { name: user.username }), t("admin.users.go_on")))) return false;
    await send("PATCH", path`/users/${id}`, { body, etag });
    return true;
  };
  const done = await ask(t("admin.users.change", { name: user.username }), { fields, submit: t("save"), run });
  if (!done) return;
  if (id === me.id) location.reload();
  else await again();
  say(t("admin.users.changed", { name: user.username }), "good");
  document.getElementById(`user-${id}`)?.focus();
}

/** Return what differs from what the user was. */
function changes(user, values) {
  return Object.fromEntries(Object.entries(values).filter(([name, value]) => JSON.stringify(value) !== JSON.stringify(user[name])));
}
