/** The audit: who did what, when, and from where. */

import { get } from "../core/api.js";
import { beginning } from "../core/days.js";
import { h, replace } from "../core/dom.js";
import { field, form } from "../core/form.js";
import { onward, table } from "../core/table.js";
import { signed, t, time } from "../core/words.js";
import { ALL_TYPES, happened } from "./events.js";

const FILTERS = ["actor", "type", "since", "until"];

/** Return the page; the query of its address has the filters. */
export default async function audit({ query, remember }) {
  const list = h("div");
  const end = onward((rows) => shown.add(rows), () => h("div", { class: "empty" }, h("p", {}, t("admin.audit.none"))));
  let shown;

  async function start(values) {
    const { since, until } = values;
    const asked = { ...values, since: since && beginning(since), until: until && beginning(until, 1), limit: 50 };
    const first = await get("/audit", { ...asked, cursor: "" });
    shown = auditTable();
    replace(list, first.data.length ? shown.node : null);
    await end.start((cursor) => (cursor ? get("/audit", { ...asked, cursor }) : first));
  }

  const values = Object.fromEntries(FILTERS.map((name) => [name, query.get(name) || undefined]));
  const run = (asked) => start(asked).then(() => remember(asked));
  const filters = form({ fields: fieldsOf(values), submit: t("reports.show"), run, kind: "parameters no-print" });
  await start(values);
  return { title: t("admin.audit.title"), content: h("div", { class: "stack" }, filters, list, end.node) };
}

function fieldsOf({ actor, type, since, until }) {
  const types = ALL_TYPES.map((value) => ({ value, label: happened(value) }));
  return [
    field({ name: "actor", label: t("admin.audit.actor"), value: actor, autocapitalize: "none" }),
    field({ name: "type", label: t("admin.audit.type"), kind: "choice", options: [{ value: "", label: t("admin.audit.any") }, ...types], value: type }),
    field({ name: "since", label: t("reports.since"), type: "date", value: since }),
    field({ name: "until", label: t("reports.until"), type: "date", value: until }),
  ];
}

function auditTable() {
  return table({
    caption: t("admin.audit.title"),
    columns: [
      { label: t("admin.audit.at"), kind: "minor", cell: (event) => time(event.at) },
      { label: t("admin.audit.actor"), kind: "actor", cell: who },
      { label: t("admin.audit.what"), kind: "wide", cell: (event) => [h("div", {}, happened(event.type), about(event)), h("div", { class: "narrow muted" }, time(event.at)), details(event)] },
      { label: t("admin.audit.item"), kind: "code minor", cell: item },
    ],
  });
}

function who({ actor, address }) {
  return [actor || t("admin.audit.nobody"), address && h("div", { class: "muted raw" }, address)];
}

/** Return of what an event is. */
function about({ type, data }) {
  const name = data.sku || data.name || data.username || data.url || data.code || data.path;
  const change = type === "movement.created" && ` ${signed(data.delta)}`;
  return name && [": ", name, change];
}

function item({ item_id: id, data }) {
  return id ? h("a", { href: `/app/items/${id}` }, data.sku || `#${id}`) : "";
}

function details({ id, request_id, trace_id, data }) {
  const text = JSON.stringify({ id, request_id, trace_id: trace_id || undefined, data }, null, 2);
  return h("details", { class: "event" }, h("summary", {}, t("admin.audit.details")), h("pre", {}, text));
}
