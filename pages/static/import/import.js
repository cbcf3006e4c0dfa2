/** The import: a file is chosen, tried without changing anything, and brought in when all of it is right. */

import { Problem, Unreachable, get, newKey } from "../core/api.js";
import { h, replace } from "../core/dom.js";
import { Mistake, readAll, showErrors } from "../core/form.js";
import { may } from "../core/session.js";
import { failure } from "../core/status.js";
import { upload } from "../core/upload.js";
import { t } from "../core/words.js";
import { columnsOf } from "./columns.js";
import { checkReadable, fileChoice } from "./file.js";
import { optionsOf } from "./options.js";
import { advice, encodings, finding } from "./advice.js";
import { changesOf, counts, faultsOf, readAs, written } from "./outcome.js";
import { progress } from "./progress.js";

/** Return the page. */
export default async function importPage() {
  if (!may("write")) return { title: t("import.title"), content: h("p", { class: "notice" }, t("import.guest")) };
  const [presets, places] = await Promise.all([get("/imports/presets"), get("/locations", { limit: 2 })]);
  const choice = fileChoice(chosen);
  const options = optionsOf(presets.data, () => dryRun());
  const columns = columnsOf(() => dryRun(), places.data.length > 1);
  const fields = [choice.field, ...options.fields];
  const general = h("div", { role: "alert" });
  const busy = progress();
  const summary = h("div", { role: "status" });
  const details = h("div", { class: "stack" });
  const go = h("button", { type: "button", class: "primary", disabled: true, "aria-describedby": "why", onclick: () => bringIn() }, t("import.submit"));
  const why = h("p", { class: "hint", id: "why" }, t("import.why.no_file"));
  const setup = h("div", { class: "card stack" }, choice.node, options.node);
  const act = h("div", { class: "act" }, go, why);
  let run = new AbortController();
  let key = newKey();

  /** Begin with a file. One of the same name is the same file, mended: it is read as before. */
  function chosen(isOther) {
    if (isOther) {
      columns.clear();
      options.forget();
    }
    dryRun();
  }

  /** Try the file without changing anything, and show what would happen. */
  async function dryRun() {
    run.abort();
    run = new AbortController();
    key = newKey();
    const { signal } = run;
    const name = choice.file() ? "checking" : "no_file";
    begin(t(`import.why.${name}`));
    if (!choice.file() || !readAll(options.fields)) return;
    try {
      const outcome = await send({ dry_run: true }, { signal });
      showOutcome(outcome);
    } catch (error) {
      if (!signal.aborted) showRefusal(error, dryRun);
    } finally {
      if (!signal.aborted) busy.hide();
    }
  }

  /** Import the file. A second try after no answer came has the same key, so that nothing is done twice. */
  async function bringIn() {
    go.disabled = true;
    setup.inert = details.inert = true;
    replace(general);
    replace(why, t("import.why.importing"));
    try {
      finish(await send({}, { key }));
    } catch (error) {
      if (error instanceof Unreachable) {
        go.disabled = false;
        replace(why, t("import.why.no_answer"));
        showErrors([], general, error);
      } else {
        key = newKey();
        showRefusal(error, bringIn);
      }
    } finally {
      setup.inert = details.inert = false;
      busy.hide();
    }
  }

  async function send(query, rest) {
    const file = choice.file();
    await checkReadable(file);
    busy.show(query.dry_run ? "checking" : "importing", query.dry_run && stop);
    const all = { ...options.query(), columns: columns.query(), ...query };
    return upload(options.path(), { query: all, file, onprogress: (share) => busy.sent(share), ...rest });
  }

  function stop() {
    run.abort();
    busy.hide();
    replace(why, t("import.why.stopped"));
  }

  function begin(words) {
    busy.hide();
    go.disabled = true;
    for (const each of fields) each.accept();
    for (const each of [general, summary, details]) replace(each);
    replace(why, words);
  }

  function showOutcome(outcome) {
    const nothing = written(outcome) === 0;
    go.disabled = nothing;
    replace(why, nothing ? t("import.why.nothing") : t("import.why.ready", { n: written(outcome) }));
    replace(summary, finding(outcome), counts(outcome));
    const reading = columnsRead(outcome.read_as);
    replace(details, outcome.changes?.length > 0 && changesOf(outcome.changes), reading);
  }

  function showRefusal(error, again) {
    const isPassing = error instanceof Unreachable || error.status === 429 || error.status >= 500;
    replace(why, t(isPassing ? "import.why.not_now" : "import.why.refused"));
    if (isPassing) {
      replace(general, failure(error, again));
      return;
    }
    if (!(error instanceof Problem) || !error.read_as) {
      showErrors(fields, general, error instanceof Problem && error.encodings ? new Mistake(t("import.encoding_needed")) : error);
      if (error.encodings) replace(details, encodings(error.encodings, (name) => options.set("encoding", name)));
      else if (options.query().preset || columns.query()) replace(details, h("div", {}, h("button", { type: "button", onclick: byNames }, t("import.column.reset"))));
      return;
    }
    replace(summary, h("div", { class: "notice bad" }, h("p", {}, error.message), h("p", {}, t(error.error_counts.unknown_column ? "import.name_columns" : "import.mend"))), advice(error.errors, options.set, presets.data));
    // Where the header is wrong, naming its columns is the next step.
    const parts = [faultsOf(error), columnsRead(error.read_as)];
    replace(details, error.error_counts.unknown_column ? parts.reverse() : parts);
  }

  function columnsRead(read) {
    columns.show(read.columns, read.other_columns || [], options.target());
    return [columns.node, readAs(read)];
  }

  function byNames() {
    columns.clear();
    dryRun();
  }

  function finish(outcome) {
    const title = h("h2", { tabindex: "-1" }, t("import.done"));
    const links = [
      h("a", { href: "/app/", class: "button primary" }, t("import.to_stock")),
      h("a", { href: "/app/import", class: "button" }, t("import.another")),
    ];
    const said = h("p", {}, h("strong", {}, choice.file().name), " · ", t("import.done_rows", { n: written(outcome) }));
    replace(page, h("section", { class: "stack" }, h("div", { class: "notice good" }, title, said), counts(outcome), h("div", { class: "actions" }, links)));
    title.focus();
  }

  const page = h("div", { class: "stack import" }, setup, general, busy.node, act, summary, details);
  return {
    title: t("import.title"),
    content: page,
    leave() {
      run.abort();
      choice.leave();
    },
  };
}
