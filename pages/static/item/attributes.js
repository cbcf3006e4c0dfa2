/** The attributes of an item as rows of name and value. */

import { h, replace, uniqueId } from "../core/dom.js";
import { Mistake } from "../core/form.js";
import { t } from "../core/words.js";

/** Return a field that reads as {name: value}; it is made as those of core/form.js are. */
export function attributes(entries = {}) {
  const error = h("p", { class: "error", id: uniqueId("error") });
  const list = h("div");
  const add = h("button", { type: "button", onclick: () => append("", "", true) }, t("item.attribute_add"));
  const node = h("fieldset", {}, h("legend", {}, t("item.attributes")), list, add, error);
  let rows = [];

  function append(name, value, focused = false) {
    const row = line(name, value, error.id, () => {
      rows = rows.filter((each) => each !== row);
      row.node.remove();
      (rows.at(-1)?.name ?? add).focus();
    });
    rows.push(row);
    list.append(row.node);
    if (focused) row.name.focus();
  }

  function write(values) {
    rows = [];
    replace(list);
    for (const [name, value] of Object.entries(values)) append(name, value);
  }

  function read() {
    const values = {};
    for (const row of rows) {
      const name = row.name.value.trim();
      if (!name && !row.value.value.trim()) continue;
      if (!name) throw new Mistake(t("item.attribute_nameless"));
      if (Object.hasOwn(values, name)) throw new Mistake(t("item.attribute_twice", { name }));
      Object.defineProperty(values, name, { value: row.read(), enumerable: true });
    }
    return values;
  }

  let wrong = false;
  write(entries);
  return {
    name: "attributes",
    node,
    control: { required: false, getAttribute: () => wrong || null, focus: () => (rows[0]?.name ?? add).focus() },
    read,
    write,
    refuse(message) {
      wrong = true;
      error.textContent = message;
    },
    accept() {
      wrong = false;
      error.textContent = "";
    },
  };
}

function line(name, value, described, remove) {
  const control = (label, text) => {
    const id = uniqueId("attribute");
    const input = h("input", { id, value: text, autocomplete: "off", "aria-describedby": described });
    return [input, h("div", { class: "field" }, h("label", { for: id }, label), input)];
  };
  const [nameInput, nameNode] = control(t("item.attribute"), name);
  const [valueInput, valueNode] = control(t("item.value"), String(value));
  const button = h("button", { type: "button", "aria-label": t("item.attribute_remove", { name }), onclick: remove }, "✕");
  // What nobody has touched stays what it is, be it a text or a number.
  const read = () => (valueInput.value === String(value) && name !== "" ? value : typed(valueInput.value.trim()));
  return { node: h("div", { class: "attribute" }, nameNode, valueNode, button), name: nameInput, value: valueInput, read };
}

/** Return a text as the number or the truth value that it writes, where it writes one exactly. */
function typed(text) {
  if (text === "true" || text === "false") return text === "true";
  return /^-?\d/.test(text) && String(Number(text)) === text && (Number.isSafeInteger(Number(text)) || text.includes(".")) ? Number(text) : text;
}
