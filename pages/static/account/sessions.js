/** Sessions: where somebody is signed in, and how that is ended. */

import { Problem, get, getAll, path, send } from "../core/api.js";
import { cards } from "../core/cards.js";
import { confirm } from "../core/dialog.js";
import { h } from "../core/dom.js";
import { facts } from "../core/facts.js";
import { perform } from "../core/status.js";
import { t, time } from "../core/words.js";

// What the browsers and systems call themselves, the more special before the more general.
const BROWSERS = { Edg: "Edge", OPR: "Opera", Firefox: "Firefox", Chrome: "Chrome", Safari: "Safari" };
const SYSTEMS = { Android: "Android", iPhone: "iPhone", iPad: "iPad", Windows: "Windows", "Mac OS": "macOS", Linux: "Linux" };

/** Return the list of the sessions of who reads: {node, start(), endOthers}, the last being a button. */
export function sessions() {
  const load = (cursor) => get("/sessions", { cursor, sort: "-created_at" });
  const list = cards(load, (session) => card(session, list.renew));
  const endOthers = h("button", { type: "button", onclick: () => askToEndOthers(list.renew) }, t("account.session.end_others"));
  return { ...list, endOthers };
}

function card(session, renew) {
  const { client, address, current, created_at: since, last_used_at: used, expires_at: until } = session;
  const name = nameOf(client);
  const end = h("button", { type: "button", onclick: () => endOne(session, renew) }, t("account.session.end"));
  return h("li", { class: "card" }, [
    h("h3", {}, name, " ", current && h("span", { class: "badge good" }, t("account.session.current"))),
    facts([
      [t("account.session.used"), time(used)],
      [t("account.session.address"), address],
      [t("account.session.begun"), time(since)],
      [t("account.session.until"), time(until)],
    ]),
    client && client !== name && h("p", { class: "muted raw" }, client),
    !current && h("div", { class: "actions" }, end),
  ]);
}

/** Return what a program is, in words, by how it calls itself; that itself where it is no browser. */
function nameOf(client) {
  if (!client) return t("account.session.unknown");
  const browser = Object.keys(BROWSERS).find((name) => client.includes(`${name}/`));
  const system = Object.keys(SYSTEMS).find((name) => client.includes(name));
  if (!client.startsWith("Mozilla/") || !browser) return client;
  return system ? t("account.session.on", { browser: BROWSERS[browser], system: SYSTEMS[system] }) : BROWSERS[browser];
}

function endOne({ id }, renew) {
  return perform(() => end(id), renew, t("account.session.ended"));
}

async function askToEndOthers(renew) {
  if (!(await confirm(t("account.session.end_others"), t("account.session.end_others_ask"), t("account.session.end_others")))) return;
  const run = async () => {
    for (const { id, current } of await getAll("/sessions")) if (!current) await end(id);
  };
  await perform(run, renew, t("account.session.others_ended"));
}

/** End a session; one that has ended meanwhile is what was wanted. */
async function end(id) {
  try {
    await send("DELETE", path`/sessions/${id}`);
  } catch (error) {
    if (!(error instanceof Problem && error.status === 404)) throw error;
  }
}
