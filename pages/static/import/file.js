/** The file of an import: chosen, or dropped anywhere on the page. */

import { h, replace } from "../core/dom.js";
import { Mistake, field } from "../core/form.js";
import { number, t } from "../core/words.js";

const ENDINGS = ".csv,.tsv,.txt,.xlsx,.xlsm,.ndjson,.jsonl,text/csv,text/plain,text/tab-separated-values";
const UNITS = ["byte", "kilobyte", "megabyte"];

/** Return the choice of a file: {node, field, file(), leave()}. `changed(isOther)` is called when somebody has chosen one. */
export function fileChoice(changed) {
  const name = h("p", { class: "name" });
  const chooser = field({ name: "file", label: t("import.file"), hint: t("import.file_hint"), type: "file", accept: ENDINGS, onchange: chosen });
  const node = h("div", { class: "drop" }, chooser.node, name);
  let file = null;

  function chosen() {
    if (chooser.control.files.length) take(chooser.control.files[0]);
  }

  function take(given) {
    const isOther = file?.name !== given.name;
    file = given;
    chooser.control.value = ""; // the same file can be chosen again after it was mended
    chooser.accept();
    replace(name, h("strong", {}, file.name), ` · ${size(file.size)}`);
    changed(isOther);
  }

  /** Whether a file may be chosen now: while one is imported, the page makes this part inert. */
  function isOpen() {
    return !node.closest("[inert]");
  }

  function over(event) {
    event.preventDefault();
    if (isOpen()) node.classList.add("over");
  }

  function out(event) {
    if (!event.relatedTarget) node.classList.remove("over");
  }

  function dropped(event) {
    event.preventDefault();
    node.classList.remove("over");
    if (!isOpen()) return;
    const { files } = event.dataTransfer;
    if (files.length === 1) take(files[0]);
    else if (files.length) chooser.refuse(t("import.one_file"));
  }

  const listeners = { dragover: over, dragleave: out, drop: dropped };
  for (const [type, listener] of Object.entries(listeners)) document.addEventListener(type, listener);
  return {
    node,
    field: chooser,
    file: () => file,
    leave() {
      for (const [type, listener] of Object.entries(listeners)) document.removeEventListener(type, listener);
    },
  };
}

/** Throw Mistake for a file that was written or moved since it was chosen: a browser does not read it then. */
export async function checkReadable(file) {
  try {
    await file.slice(0, 1).arrayBuffer();
  } catch {
    throw new Mistake(t("import.file_changed"));
  }
}

/** Return the size of a file in words. */
function size(bytes) {
  const power = bytes < 1000 ? 0 : bytes < 1e6 ? 1 : 2;
  return `${number(Math.max(Math.round(bytes / 1000 ** power), bytes && 1))} ${t(`import.unit.${UNITS[power]}`)}`;
}
