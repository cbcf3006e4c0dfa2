/** The log of the deliveries of a webhook: what was answered, and what is sent once more. */

import { get, newKey, path, send } from "../core/api.js";
import { h, refocus, replace } from "../core/dom.js";
import { field } from "../core/form.js";
import { reason, say } from "../core/status.js";
import { onward, table } from "../core/table.js";
import { number, t, time } from "../core/words.js";

const STATUSES = ["delivered", "failed"];
const KINDS = { delivered: "good", failed: "bad" };
// For how long it is watched, in seconds, for what was asked for.
const WATCHED = 15;

/** Return the log of the webhook at a path of the API: {node, start(), request(operation), leave()}. */
export function deliveries(at) {
  const list = h("div", { tabindex: "-1" });
  const controller = new AbortController();
  const { signal } = controller;
  const end = onward(add, () => h("div", { class: "empty" }, h("p", {}, t("admin.deliveries.none"))));
  const options = [{ value: "", label: t("admin.deliveries.any") }, ...STATUSES.map((value) => ({ value, label: t(`admin.deliveries.${value}`) }))];
  const status = field({ name: "status", label: t("admin.deliveries.status"), kind: "choice", options, onchange: () => start() });
  let shown;

  function start() {
    shown = logTable(again);
    const asked = { status: status.read(), limit: 50 };
    return end.start((cursor) => get(`${at}/deliveries`, { ...asked, cursor }, { signal }));
  }

  function add(rows, isFirst) {
    if (isFirst) replace(list, rows.length ? shown.node : null);
    shown.add(rows);
  }

  /** Ask for a delivery, and look each second until the log has it. */
  async function request(operation) {
    try {
      const before = await newest();
      await operation();
      say(t("admin.deliveries.requested"), "good");
      for (let left = WATCHED; left > 0 && !signal.aborted; left -= 1) {
        await new Promise((resolve) => setTimeout(resolve, 1000));
        if (!signal.aborted && (await newest()) > before) {
          await start();
          refocus(list);
          return;
        }
      }
    } catch (error) {
      if (!signal.aborted) say(reason(error), "bad");
    }
  }

  async function newest() {
    return (await get(`${at}/deliveries`, { limit: 1 }, { signal })).data[0]?.id || 0;
  }

  function again({ id }) {
    return request(() => send("POST", at + path`/deliveries/${id}/redeliver`, { key: newKey() }));
  }

  const head = h("div", { class: "title" }, h("h2", {}, t("admin.deliveries.title")), status.node);
  return { node: h("section", {}, head, list, end.node), start, request, leave: () => controller.abort() };
}

function logTable(again) {
  const redeliver = (row) => h("button", { type: "button", class: "plain", onclick: () => again(row) }, t("admin.deliveries.again"));
  return table({
    caption: t("admin.deliveries.title"),
    columns: [
      { label: t("admin.deliveries.at"), head: true, cell: (row) => time(row.at) },
      { label: t("admin.deliveries.status"), cell: (row) => h("span", { class: `badge ${KINDS[row.status]}` }, t(`admin.deliveries.${row.status}`)) },
      { label: t("admin.deliveries.answer"), kind: "wide", cell: (row) => row.error || row.code },
      { label: t("admin.deliveries.event"), kind: "number", cell: (row) => row.event_id ?? t("admin.deliveries.test") },
      { label: t("admin.deliveries.attempt"), kind: "number minor", cell: (row) => number(row.attempt) },
      { label: t("admin.deliveries.ms"), kind: "number minor", cell: (row) => number(row.ms) },
      { label: t("admin.deliveries.once_more"), kind: "controls", cell: redeliver },
    ],
  });
}
