/** How far a file is: on its way, then read by the service. */

import { h, replace } from "../core/dom.js";
import { t } from "../core/words.js";

/** Return what shows it: {node, show(what, stop), sent(share), hide()}; `what` is "checking" or "importing". */
export function progress() {
  const words = h("p", { role: "status" });
  const bar = h("progress", { max: "1", "aria-label": t("import.progress") });
  const end = h("div");
  const node = h("div", { class: "busy", hidden: true }, words, bar, end);
  let doing;

  return {
    node,
    show(what, stop) {
      doing = what;
      node.hidden = false;
      replace(words, t("import.sending"));
      bar.removeAttribute("value");
      replace(end, stop && h("button", { type: "button", onclick: stop }, t("import.stop")));
    },
    /** Show how much has been sent; the rest is up to the service, and nobody knows how long it takes. */
    sent(share) {
      if (share < 1) {
        bar.value = share;
        return;
      }
      bar.removeAttribute("value");
      replace(words, t(`import.${doing}`));
    },
    hide() {
      node.hidden = true;
    },
  };
}
