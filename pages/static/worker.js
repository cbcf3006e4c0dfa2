/** The service worker: keeps the files of this version, so that the page opens without network. */

const CACHE = `stockroom-${VERSION}`;
const FOLDER = "/app/files/";
const BASE = `${FOLDER}${VERSION}/`;
const SHELL = "/app/";
const SECONDS = 5;
// Tabs that are open still load modules of the version that they began with.
const KEPT_VERSIONS = 3;

self.addEventListener("install", (event) => event.waitUntil(keep()));
self.addEventListener("activate", (event) => event.waitUntil(takeOver()));
self.addEventListener("fetch", (event) => {
  const url = new URL(event.request.url);
  if (event.request.method !== "GET" || url.origin !== location.origin) return;
  if (url.pathname.startsWith(FOLDER)) event.respondWith(fromCache(event.request));
  else if (event.request.mode === "navigate" && url.pathname.startsWith(SHELL)) event.respondWith(shell(event.request));
});

/** Keep the shell and the files that it names; fails, and is tried again later, where the service is of another version by now. */
async function keep() {
  const answer = await fetch(SHELL, { cache: "no-cache" });
  if (!answer.ok || !(await answer.clone().text()).includes(BASE)) throw new Error(`the page is not of version ${VERSION}`);
  const cache = await caches.open(CACHE);
  await cache.addAll(FILES.map((name) => BASE + name));
  await cache.put(SHELL, answer);
  await self.skipWaiting();
}

async function takeOver() {
  const names = (await caches.keys()).filter((name) => name.startsWith("stockroom-") && name !== CACHE);
  const old = names.slice(0, Math.max(0, names.length - KEPT_VERSIONS + 1));
  await Promise.all(old.map((name) => caches.delete(name)));
  await self.clients.claim();
}

async function fromCache(request) {
  // A file is the same for everybody, whatever its Vary says.
  return (await caches.match(request, { ignoreVary: true })) || fetch(request);
}

/** Return the page from the service, or the one that is kept where the service does not answer, or something else does. */
async function shell(request) {
  const kept = await (await caches.open(CACHE)).match(SHELL, { ignoreVary: true });
  if (!kept) return fetch(request);
  const given = new Promise((resolve) => setTimeout(resolve, SECONDS * 1000));
  const asked = fetch(request).catch(() => null);
  const answer = await Promise.race([asked, given]);
  return answer && answer.status < 500 ? answer : kept;
}
