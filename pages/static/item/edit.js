/** The page where an item is edited. Who else has changed it meanwhile is said, and nothing is overwritten unknowingly. */

import { get, newKey, path, send } from "../core/api.js";
import { h } from "../core/dom.js";
import { Mistake, form } from "../core/form.js";
import { go } from "../core/router.js";
import { may } from "../core/session.js";
import { say } from "../core/status.js";
import { t, timeText } from "../core/words.js";
import { archive, restore } from "./archive.js";
import { grouped, itemFields, valueText, write } from "./fields.js";

/** Return the page. */
export default async function edit({ params }) {
  const where = path`/items/${params.id}`;
  const page = `/app/items/${params.id}`;
  let { data: base, etag } = await send("GET", where);
  if (base.archived) return archived(base, page);
  const fields = itemFields(base, { nullable: true });
  let before = readings(fields);

  async function run(values, key) {
    const patch = changed(before, values);
    try {
      await send("PATCH", where, { body: patch, etag, key });
    } catch (error) {
      if (error.status !== 412) throw error;
      await meet(values);
      return;
    }
    await go(page);
    say(t("item.saved"), "good");
  }

  /** Compare what somebody else has saved with what is written here: nothing of either is lost. */
  async function meet(values) {
    const now = await send("GET", where);
    const theirs = fields.filter(({ name }) => !same(base[name], now.data[name]));
    const mine = changed(before, values);
    [base, etag] = [now.data, now.etag];
    // Only the stock has moved, of which this form knows nothing.
    if (!theirs.length) return run(values, newKey());
    for (const each of theirs) adopt(each, base[each.name], mine[each.name]);
    before = { ...before, ...Object.fromEntries(theirs.map(({ name }) => [name, base[name] === "" ? null : base[name]])) };
    shape.querySelector("button.primary").textContent = t("item.save_over");
    throw new Mistake(t("item.conflict", { who: await whoChanged(base), at: timeText(base.updated_at) }));
  }

  const shape = form({ fields, submit: t("save"), run, cancel: () => go(page), kind: "item-form", arrange: grouped });
  const remove = may("write") && h("button", { type: "button", class: "danger", onclick: () => archive(base, () => go(page)) }, t("item.archive"));
  return { title: t("item.edit", { name: base.name }), actions: remove, content: shape };
}

function archived(item, page) {
  const again = may("write") && h("button", { type: "button", class: "primary", onclick: () => restore(item, () => go(`${page}/edit`, { replaces: true })) }, t("item.restore"));
  return { title: t("item.edit", { name: item.name }), content: h("div", { class: "notice warn" }, h("p", {}, t("item.archived")), again) };
}

/** Show beside a field what it is now; one that was not touched takes it on, of another one it can be taken. */
function adopt(each, value, mine) {
  each.node.querySelector(".theirs")?.remove();
  const words = t(mine === undefined ? "item.adopted" : "item.theirs", { value: valueText(each.name, value) });
  const note = h("p", { class: "theirs notice warn" }, words);
  const take = () => {
    write(each, value);
    note.remove();
  };
  if (mine === undefined) write(each, value);
  else note.append(h("button", { type: "button", onclick: take }, t("item.take_theirs")));
  // Of attributes, each is a field of its own.
  if (mine && each.name === "attributes") write(each, Object.fromEntries(Object.entries({ ...value, ...mine }).filter(([, entry]) => entry !== null)));
  each.node.append(note);
}

/** Return who has changed an item last, where the reader may know it. */
async function whoChanged({ id, version }) {
  if (!may("admin")) return t("item.somebody");
  try {
    const { data } = await get("/audit", { item_id: id, type: "item.updated", limit: 10, cursor: "" });
    return data.find((event) => event.data.version === version)?.actor || t("item.somebody");
  } catch {
    return t("item.somebody");
  }
}

function readings(fields) {
  return Object.fromEntries(fields.map((each) => [each.name, each.read()]));
}

/** Return the merge patch (RFC 7396) between what the fields read at first and what they read now. */
function changed(before, values) {
  const patch = {};
  for (const [name, value] of Object.entries(values)) if (!same(before[name] ?? null, value)) patch[name] = value;
  if (patch.attributes) patch.attributes = changedAttributes(before.attributes, values.attributes);
  return patch;
}

function changedAttributes(before, now) {
  const names = Object.keys({ ...before, ...now });
  const value = (attributes, name) => (Object.hasOwn(attributes, name) ? attributes[name] : null);
  return Object.fromEntries(names.filter((name) => !same(value(before, name), value(now, name))).map((name) => [name, value(now, name)]));
}

function same(one, other) {
  return JSON.stringify(one) === JSON.stringify(other);
}
