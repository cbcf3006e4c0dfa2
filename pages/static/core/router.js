/** The router: which module shows which address; links within the page load nothing but that module. */

import { decoded } from "./api.js";
import { h, replace } from "./dom.js";
import { failure, reason } from "./status.js";
import { t } from "./words.js";

let routes = [];
let outlet = null;
let leave = null;
let visit = 0;
let started = false;
let stale = false;

/**
 * Show pages in an element from now on. `table` has [pattern, load, style]: a pattern as "/app/items/:id" ("*" takes the
 * rest), `load()` that imports the module, and the style sheet that it needs. The default export of a module is called
 * with {params, query, remember} and returns {title, content, leave}; `leave` is called before another page is shown.
 * `remember(values)` keeps values as the query of the address, so that it can be gone back to and handed on.
 */
export function start(table, element) {
  [routes, outlet] = [table.map(([pattern, ...rest]) => [expression(pattern), ...rest]), element];
  if (!started) {
    window.addEventListener("popstate", () => outlet.isConnected && show());
    document.addEventListener("click", follow);
  }
  started = true;
  return show();
}

/** Leave the page that is shown, because something else takes its place. */
export function stop() {
  visit += 1;
  leave?.();
  leave = null;
  // What they ask for ends with the page that asks; a modal one would keep everybody from the next.
  for (const dialog of document.querySelectorAll("dialog[open]")) dialog.close();
}

/** Let the next page be loaded whole, because the service has a new version of the files. */
export function reloadNext() {
  stale = true;
}

/** Go to an address of the page. */
export function go(path, { replaces = false } = {}) {
  if (stale) return location[replaces ? "replace" : "assign"](path);
  history[replaces ? "replaceState" : "pushState"](null, "", path);
  return show();
}

/** Show the present address anew. */
export async function show() {
  stop();
  const mine = visit;
  const { pathname, search } = location;
  const [load, params, style] = find(pathname);
  let page;
  try {
    const [module] = await Promise.all([load(), style && addStyle(style)]);
    if (mine !== visit) return;
    page = await module.default({ params, query: new URLSearchParams(search), remember: (values) => mine === visit && remember(values) });
  } catch (error) {
    page = error.status === 404 ? none(reason(error)) : { title: t("error.title"), content: trouble(error) };
  }
  if (mine !== visit) {
    page.leave?.();
    return;
  }
  leave = page.leave;
  const isFirst = !outlet.hasChildNodes();
  const title = h("h1", { tabindex: "-1" }, page.title);
  document.title = `${page.title} · Stockroom`;
  replace(outlet, h("header", { class: "title" }, title, page.actions && h("div", { class: "actions" }, page.actions)), page.content);
  for (const link of document.querySelectorAll("nav a")) {
    const here = link.pathname === "/app/" ? /^\/app\/(items\/.*)?$/.test(pathname) : pathname.startsWith(link.pathname);
    if (here) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
    if (here) link.scrollIntoView({ block: "nearest", inline: "center" });
  }
  const first = outlet.querySelector("[autofocus]");
  if (first) first.focus();
  else if (!isFirst) title.focus({ preventScroll: true });
  if (!isFirst) window.scrollTo(0, 0);
}

/** Return what is shown in place of a page that could not be. */
function trouble(error) {
  if (!(error instanceof TypeError)) return failure(error, () => show());
  // A file of it did not come: an import fails so, and a browser may remember that it did.
  console.warn(error);
  return failure(new Error(t("error.not_whole")), () => location.reload());
}

function remember(values) {
  const used = new URLSearchParams(Object.entries(values).filter(([, value]) => value !== undefined && value !== ""));
  history.replaceState(null, "", location.pathname + (used.size ? `?${used}` : ""));
}

/** Load a style sheet of the page, once. */
export function addStyle(name) {
  const href = new URL(`../${name}`, import.meta.url).href;
  if ([...document.styleSheets].some((sheet) => sheet.href === href)) return undefined;
  return new Promise((resolve, reject) => {
    document.head.append(h("link", { rel: "stylesheet", href, onload: resolve, onerror: () => reject(new TypeError(name)) }));
  });
}

function find(pathname) {
  for (const [pattern, load, style] of routes) {
    const match = pattern.exec(pathname);
    if (match) return [load, Object.fromEntries(Object.entries(match.groups || {}).map(([k, v]) => [k, decoded(v)])), style];
  }
  return [async () => ({ default: () => none() }), {}];
}

/** Return what is shown where there is no page, or nothing that it could be about; with a way on. */
function none(text) {
  return { title: t("error.no_page"), content: h("div", { class: "stack" }, text && h("p", {}, text), h("p", {}, h("a", { href: "/app/" }, t("nav.stock")))) };
}

function expression(pattern) {
  return new RegExp(`^${pattern.replace(/:(\w+)/g, "(?<$1>[^/]+)").replace("*", "(?<rest>.+)")}$`);
}

function follow(event) {
  const link = event.target.closest("a[href]");
  const special = event.defaultPrevented || event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey;
  if (!link || special || link.target || link.hasAttribute("download") || link.origin !== location.origin) return;
  if (!link.pathname.startsWith("/app/") || (link.hash && link.pathname === location.pathname)) return;
  event.preventDefault();
  go(link.href);
}
