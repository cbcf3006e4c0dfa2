/** The locations: the places where things lie; made, renamed, made the default, archived and restored. */

import { getAll, newKey, path, send } from "../core/api.js";
import { confirm, dialog } from "../core/dialog.js";
import { h, refocus, replace } from "../core/dom.js";
import { field, form } from "../core/form.js";
import { may } from "../core/session.js";
import { attempt, failure, say } from "../core/status.js";
import { table } from "../core/table.js";
import { t } from "../core/words.js";
import { arrivals, loadTransfers } from "./arrivals.js";

/** Return the page. */
export default async function locations() {
  const node = h("div", { class: "stack", tabindex: "-1" });

  /** Show the present locations, and a message about what has become of one. */
  async function show(message) {
    try {
      replace(node, content(await load(), show));
    } catch (error) {
      replace(node, failure(error, () => show()));
    }
    refocus(node);
    if (message) say(message, "good");
  }

  replace(node, content(await load(), show));
  return {
    title: t("locations.title"),
    actions: may("write") && h("button", { type: "button", class: "primary", onclick: () => make(show) }, t("locations.new")),
    content: node,
  };
}

async function load() {
  const all = (query) => getAll("/locations", { ...query, sort: "code" });
  const [present, archived, transfers] = await Promise.all([all({}), all({ archived: true }), loadTransfers()]);
  return { present, archived, transfers };
}

function content({ present, archived, transfers }, show) {
  return [
    present.length === 1 && h("p", { class: "muted" }, t("locations.one")),
    present.length > 1 && h("p", { class: "muted" }, t("locations.default_hint")),
    list(t("locations.title"), present, (each) => [...links(each), may("write") && acts(each, show)]),
    transfers.length > 0 && [h("h2", {}, t("locations.on_their_way")), arrivals(transfers, show)],
    archived.length > 0 && [
      h("h2", {}, t("locations.archived")),
      list(t("locations.archived"), archived, (each) => may("write") && button(t("locations.restore"), t("locations.restore_of", { code: each.code }), () => restore(each, show))),
    ],
  ];
}

function list(caption, rows, beside) {
  const shown = table({
    caption,
    columns: [
      { label: t("locations.code"), kind: "code", head: true, cell: (each) => [each.code, each.default && [" ", h("span", { class: "badge good" }, t("locations.default"))]] },
      { label: t("locations.name"), kind: "wide", cell: (each) => each.name },
      { label: h("span", { class: "unseen" }, t("locations.acts")), kind: "controls", cell: (each) => h("div", { class: "actions" }, beside(each)) },
    ],
  });
  shown.add(rows);
  return shown.node;
}

function links({ code }) {
  const query = new URLSearchParams({ location: code });
  return [
    h("a", { href: `/app/?${query}`, "aria-label": t("locations.items_of", { code }) }, t("locations.items")),
    may("write") && h("a", { href: `/app/count?${query}`, "aria-label": t("locations.count_of", { code }) }, t("locations.count")),
  ];
}

function acts(each, show) {
  const { code } = each;
  return [
    button(t("edit"), t("locations.edit", { code }), () => rename(each, show)),
    !each.default && button(t("locations.make_default"), t("locations.make_default_of", { code }), () => change(each, { default: true }, () => show(t("locations.is_default", { code })))),
    !each.default && button(t("locations.archive"), t("locations.archive_of", { code }), () => archive(each, show)),
  ];
}

function button(words, name, onclick) {
  return h("button", { type: "button", "aria-label": name, onclick }, words);
}

async function make(show) {
  const run = (body, key) => send("POST", "/locations", { body, key });
  const made = await ask(t("locations.new"), {}, run);
  if (made) await show(t("locations.made", { code: made.code }));
}

function rename({ id }, show) {
  return attempt(async () => {
    const { data: present, etag } = await send("GET", path`/locations/${id}`);
    const run = ({ code, name = "" }, key) => send("PATCH", path`/locations/${id}`, { body: { code, name }, etag, key });
    const saved = await ask(t("locations.edit", { code: present.code }), present, run);
    if (saved) await show(t("locations.saved", { code: saved.code }));
  });
}

/** Ask for the code and the name of a location; returns it once `run` has saved it. */
function ask(title, { code, name }, run) {
  return dialog(title, (close) => {
    const fields = [
      field({ name: "code", label: t("locations.code"), value: code, hint: t("locations.code_hint"), required: true, maxlength: 64, autocapitalize: "characters" }),
      field({ name: "name", label: t("locations.name"), value: name, maxlength: 200 }),
    ];
    return form({ fields, submit: t("save"), run: async (values, key) => close((await run(values, key)).data), cancel: () => close() });
  });
}

async function archive(each, show) {
  const { code } = each;
  if (!(await confirm(t("locations.archive"), t("locations.archive_ask", { code }), t("locations.archive")))) return;
  await change(each, null, () => show(t("locations.is_archived", { code })));
}

function restore(each, show) {
  return change(each, { archived: false }, () => show(t("locations.is_restored", { code: each.code })));
}

/** Change a location as it is now, or archive it where there is no patch; a refusal is said in the words of the API. */
function change({ id }, patch, done) {
  const where = path`/locations/${id}`;
  const key = newKey();
  return attempt(async () => {
    const { etag } = await send("GET", where);
    await (patch ? send("PATCH", where, { body: patch, etag, key }) : send("DELETE", where, { etag }));
    await done();
  });
}
