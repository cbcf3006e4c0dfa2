/** Fields of several choices: a box for each of them, in one group. */

import { h, uniqueId } from "./dom.js";
import { Mistake } from "./form.js";
import { t } from "./words.js";

/**
 * Return a field that reads as the values of the boxes that are checked, in the order of `options` ({value, label}).
 *
 * None is refused where it is `required`. The option with the value `all` stands for all of them.
 */
export function choices({ name, label, options, value = [], hint, required, all }) {
  const [help, error] = [uniqueId("hint"), h("p", { class: "error", id: uniqueId("error") })];
  const described = [hint && help, error.id].filter(Boolean).join(" ");
  const boxes = options.map((option) => box(option, name, value.includes(option.value), described));
  const others = boxes.filter((each) => each.value !== all);
  const whole = boxes.find((each) => each.value === all);

  function settle() {
    for (const each of others) each.control.disabled = whole?.control.checked ?? false;
  }

  settle();
  const node = h(
    "fieldset",
    { class: "field choices", onchange: settle },
    h("legend", {}, label),
    hint && h("p", { class: "hint", id: help }, hint),
    h("div", { class: "columns" }, boxes.map((each) => each.node)),
    error,
  );
  return {
    name,
    node,
    control: boxes[0].control,
    read() {
      const chosen = boxes.filter((each) => each.control.checked && !each.control.disabled).map((each) => each.value);
      if (required && !chosen.length) throw new Mistake(t("form.required"));
      return chosen;
    },
    refuse(message) {
      for (const each of boxes) each.control.setAttribute("aria-invalid", "true");
      error.textContent = message;
    },
    accept() {
      for (const each of boxes) each.control.removeAttribute("aria-invalid");
      error.textContent = "";
    },
  };
}

function box({ value, label }, name, checked, described) {
  const id = uniqueId(name);
  const control = h("input", { type: "checkbox", id, name, value, checked, "aria-describedby": described });
  return { value, control, node: h("div", { class: "field check" }, control, h("label", { for: id }, label)) };
}
