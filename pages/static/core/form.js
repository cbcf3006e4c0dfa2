/** Forms: labelled fields, errors beside them in the words of the API, and one Idempotency-Key for each attempt. */

import { Problem, Unreachable, newKey } from "./api.js";
import { h, replace, uniqueId } from "./dom.js";
import { messageOf, reason } from "./status.js";
import { amountText, parseAmount, parseInteger, t } from "./words.js";

/** What somebody wants can't be done as it is; the message says why, in words for the reader. */
export class Mistake extends Error {}

// How the kinds of fields read what was written; each is never given an empty text.
const READERS = {
  text: (text) => text,
  lines: (text) => text,
  password: (text) => text,
  integer: (text) => readable(parseInteger(text), Number.isSafeInteger, "form.integer"),
  amount: (text) => readable(parseAmount(text), (value) => value !== null, "form.amount"),
  choice: (text) => text,
  tags: (text) => text.split(/[,|]/).map((tag) => tag.trim()).filter(Boolean),
};
// The fields of which codes of problems speak.
const ABOUT = { insufficient_stock: "quantity", quantity_changed: "quantity", over_fulfilment: "quantity", stock_limit: "quantity", same_location: "to" };
const MODES = { integer: "numeric", amount: "decimal" };

/**
 * Return a field: {name, node, control, read(), refuse(message), accept()}.
 *
 * `kind` is one of text, lines, password, integer, amount, choice, tags, check. `options` of a choice are
 * {value, label}. An empty field reads as undefined, or as null where it is `nullable`. Further attributes go to the
 * control.
 */
export function field({ name, label, id = uniqueId(name), kind = "text", value, hint, options, nullable, ...attributes }) {
  if (kind === "check") return check({ name, label, id, value, hint, ...attributes });
  const [help, error] = [uniqueId("hint"), h("p", { class: "error", id: uniqueId("error") })];
  const described = [hint && help, error.id].filter(Boolean).join(" ");
  const common = { id, name, "aria-describedby": described, ...attributes };
  const control = controlOf(kind, value, options, common);
  return {
    name,
    control,
    node: h(
      "div",
      { class: "field" },
      h("label", { for: id }, label),
      control,
      hint && h("p", { class: "hint", id: help }, hint),
      error,
    ),
    read: () => {
      const text = kind === "password" || kind === "lines" ? control.value : control.value.trim();
      return text === "" ? (nullable ? null : undefined) : READERS[kind](text);
    },
    ...faults(control, error),
  };
}

function controlOf(kind, value, options, attributes) {
  if (kind === "choice") {
    const shown = options.map((each) => h("option", { value: each.value, selected: each.value === value }, each.label));
    return h("select", attributes, shown);
  }
  if (kind === "lines") return h("textarea", { rows: 3, value: value ?? "", ...attributes });
  const type = kind === "password" ? "password" : "text";
  const shown = kind === "amount" ? amountText(value) : value ?? "";
  return h("input", { type, inputmode: MODES[kind], autocomplete: "off", value: shown, ...attributes });
}

function check({ name, label, id, value, hint, ...attributes }) {
  const error = h("p", { class: "error", id: uniqueId("error") });
  const control = h("input", { type: "checkbox", id, name, checked: value === true, "aria-describedby": error.id, ...attributes });
  const words = [h("label", { for: id }, label), hint && h("p", { class: "hint" }, hint)];
  const node = h("div", { class: "field check" }, control, h("div", {}, words, error));
  return { name, control, node, read: () => control.checked, ...faults(control, error) };
}

function faults(control, error) {
  return {
    refuse(message) {
      control.setAttribute("aria-invalid", "true");
      error.textContent = message;
    },
    accept() {
      control.removeAttribute("aria-invalid");
      error.textContent = "";
    },
  };
}

function readable(value, valid, words) {
  if (!valid(value)) throw new Mistake(t(words));
  return value;
}

/**
 * Return a form of these fields. `run(values, key)` does what it is for: it is given what the fields read, without those
 * that are empty, and a key that is the same for a second attempt after no answer came to the first.
 *
 * What `run` throws is shown: errors of the API beside the fields that they name, everything else above them.
 * `arrange(fields)` returns what the form shows, where that is more than the fields one below the other.
 */
export function form({ fields, submit, run, cancel, kind = "", arrange = () => fields.map((each) => each.node) }) {
  const general = h("div", { role: "alert" });
  const button = h("button", { class: "primary" }, submit);
  const attempt = { text: "", key: newKey() };
  const element = h(
    "form",
    { novalidate: true, class: kind, onsubmit: submitted },
    general,
    arrange(fields),
    h("div", { class: "actions" }, button, cancel && h("button", { type: "button", onclick: cancel }, t("cancel"))),
  );

  async function submitted(event) {
    event.preventDefault();
    if (button.disabled) return;
    replace(general);
    for (const each of fields) each.accept();
    const values = readAll(fields);
    if (!values) return;
    button.disabled = true;
    try {
      await run(values, keyFor(values));
      attempt.key = newKey();
    } catch (error) {
      if (!(error instanceof Unreachable)) attempt.key = newKey();
      showErrors(fields, general, error);
    } finally {
      button.disabled = false;
    }
  }

  function keyFor(values) {
    const text = JSON.stringify(values);
    if (text !== attempt.text) Object.assign(attempt, { text, key: newKey() });
    return attempt.key;
  }

  return element;
}

/** Return what all fields read; null where one can't be read or lacks what is required, which is then shown. */
export function readAll(fields) {
  const values = {};
  for (const each of fields) {
    try {
      const value = each.read();
      if (value !== undefined) values[each.name] = value;
      else if (each.control.required) each.refuse(t("form.required"));
    } catch (error) {
      if (!(error instanceof Mistake)) throw error;
      each.refuse(error.message);
    }
  }
  const wrong = fields.find((each) => each.control.getAttribute("aria-invalid"));
  wrong?.control.focus();
  return wrong ? null : values;
}

/** Show an error beside the fields that it names, and in `general` where it names none of them. */
export function showErrors(fields, general, error) {
  const others = [];
  for (const each of faultsOf(error)) {
    const found = fields.find((candidate) => candidate.name === each.name);
    if (found) found.refuse(each.message);
    else others.push(each.message);
  }
  const named = fields.find((each) => each.control.getAttribute("aria-invalid"));
  named?.control.focus();
  if (others.length || !named) {
    replace(general, h("div", { class: "notice bad" }, others.map((text) => h("p", {}, text))));
    general.scrollIntoView({ block: "nearest" });
  }
  if (![Problem, Unreachable, Mistake].some((kind) => error instanceof kind)) throw error;
}

/** Return the fields that an error names, each with its message; one without a name where it names none. */
function faultsOf(error) {
  const code = error.code || "";
  const about = /^(\w+)_taken$/.exec(code)?.[1] || ABOUT[code];
  if (about) return [{ name: about, message: reason(error) }];
  const faults = error instanceof Problem ? error.errors : [];
  // The last part of "movements[0].quantity" and of "tags[1]" is the field.
  const named = faults.map((each) => ({ name: (each.field || "").replace(/\[\d+\]$/, "").split(".").pop(), message: messageOf(each) }));
  return named.length ? named : [{ name: "", message: reason(error) }];
}
