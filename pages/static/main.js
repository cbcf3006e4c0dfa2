/** The page: its frame, who is signed in, and which module shows which address. */

import { LANGUAGES, chooseLanguage, language, t } from "./core/words.js";
import { h, replace } from "./core/dom.js";
import { KEPT, load, may, signOut, user } from "./core/session.js";
import { start, stop } from "./core/router.js";
import { failure, say } from "./core/status.js";
import { badge, notice } from "./offline/badge.js";
import { registerWorker } from "./offline/registration.js";
import { startSending, status, wake } from "./offline/sender.js";
import { signInPage } from "./sign_in.js";

const ROUTES = [
  ["/app/", () => import("./stock/stock.js"), "stock/stock.css"],
  ["/app/items/new", () => import("./item/new.js"), "item/item.css"],
  ["/app/items/by-sku/*", () => import("./item/by_sku.js")],
  ["/app/items/:id", () => import("./item/item.js"), "item/item.css"],
  ["/app/items/:id/edit", () => import("./item/edit.js"), "item/item.css"],
  ["/app/scan", () => import("./scan/scan.js"), "scan/scan.css"],
  ["/app/count", () => import("./count/count.js"), "count/count.css"],
  ["/app/waiting", () => import("./offline/waiting.js")],
  ["/app/labels", () => import("./labels/labels.js"), "labels/labels.css"],
  ["/app/import", () => import("./import/import.js"), "import/import.css"],
  ["/app/reports", () => import("./reports/reports.js"), "reports/reports.css"],
  ["/app/reports/:name", () => import("./reports/reports.js"), "reports/reports.css"],
  ["/app/locations", () => import("./locations/locations.js")],
  ["/app/admin", () => import("./admin/admin.js"), "admin/admin.css"],
  ["/app/admin/*", () => import("./admin/admin.js"), "admin/admin.css"],
  ["/app/account", () => import("./account/account.js")],
];
// The entries of the menu: address, words, and the right that one needs.
const MENU = [
  ["/app/", "nav.stock", "read"],
  ["/app/scan", "nav.scan", "write"],
  ["/app/count", "nav.count", "write"],
  ["/app/labels", "nav.labels", "read"],
  ["/app/import", "nav.import", "write"],
  ["/app/reports", "nav.reports", "read"],
  ["/app/locations", "nav.locations", "read"],
  ["/app/admin", "nav.admin", "admin"],
];

const page = document.getElementById("page");

/** Show the frame and the page of this address to who is signed in, and the sign-in to everybody else. */
async function begin() {
  try {
    await load();
  } catch (error) {
    replace(page, h("main", { id: "main" }, h("h1", {}, "Stockroom"), failure(error, begin)));
    return;
  }
  if (user) await enter();
  else askToSignIn();
}

async function enter() {
  const main = h("main", { id: "main", tabindex: "-1" });
  replace(page, h("a", { href: "#main", class: "skip" }, t("skip")), frame(), main);
  status.signedOut = false;
  wake();
  await start(ROUTES, main);
}

function askToSignIn() {
  stop();
  document.title = `${t("sign_in.title")} · Stockroom`;
  replace(page, h("main", { id: "main", class: "alone" }, h("p", { class: "muted" }, "Stockroom"), h("h1", {}, t("sign_in.title")), notice(), signInPage(begin), languages()));
  page.querySelector("input").focus();
}

function frame() {
  const entries = MENU.filter(([, , right]) => may(right));
  return h(
    "header",
    { class: "frame" },
    h("nav", { "aria-label": t("nav.pages") }, h("ul", {}, entries.map(([href, words]) => h("li", {}, h("a", { href }, t(words)))))),
    badge(),
    h("div", { class: "who" }, h("a", { href: "/app/account" }, user.username), h("button", { type: "button", onclick: leave }, t("nav.sign_out"))),
  );
}

function languages() {
  const others = Object.entries(LANGUAGES).filter(([name]) => name !== language);
  return h("p", {}, others.map(([name, words]) => h("button", { type: "button", class: "plain", lang: name, onclick: () => chooseLanguage(name) }, words)));
}

async function leave() {
  try {
    await signOut();
  } catch {
    say(t("sign_out.failed"), "bad");
    return;
  }
  history.replaceState(null, "", "/app/");
  askToSignIn();
}

window.addEventListener("signedout", () => {
  if (page.querySelector(".frame")) askToSignIn();
});

// Somebody else has signed in or out in another tab: nothing here is done in the name of who was before.
window.addEventListener("storage", ({ key, newValue }) => {
  if (key === KEPT && JSON.parse(newValue)?.id !== user?.id) begin();
});

startSending();
registerWorker();
await begin();
