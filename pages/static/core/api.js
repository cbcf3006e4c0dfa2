/** Requests to the API: with the session cookie, in JSON, and with every refusal as one kind of error. */

import { compare } from "./clock.js";

const BASE = "/api/v1";
const SECONDS = 30;
const PAGE = 200; // rows, the most that the API gives at once

/** A refusal of the API (RFC 9457): `status`, `code`, the `errors` of fields, and what else the problem says. */
export class Problem extends Error {
  constructor(status, body, headers) {
    super(body.detail || body.title || String(status));
    Object.assign(this, body, { status });
    this.errors = body.errors || [];
    this.retryAfter = Number(headers.get("Retry-After")) || 0;
  }
}

/** No answer came: there is no network, or the service does not answer. What was sent may have been done. */
export class Unreachable extends Error {}

/** Return a path with encoded parts: path`/items/by-sku/${sku}`. */
export function path(texts, ...parts) {
  return texts.map((text, index) => text + (index < parts.length ? encodeURIComponent(parts[index]) : "")).join("");
}

/** Return a part of an address as it was meant; one that is not encoded at all is taken as it is. */
export function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Return the address of a path of the API with its query; parameters that are empty are left out, but for a cursor. */
export function address(path, query = {}) {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    const empty = value === undefined || value === null || value === false || (value === "" && name !== "cursor");
    if (empty) continue;
    for (const each of Array.isArray(value) ? value : [value]) search.append(name, each);
  }
  return BASE + path + (search.size ? `?${search}` : "");
}

/**
 * Send a request and return {status, data, etag, location, name}, the last one of a file. Throws Problem and Unreachable.
 *
 * `body` is sent as JSON, or as it is if it is a Blob. `key` is the Idempotency-Key and `etag` the If-Match. A request
 * that finds no session raises the event "signedout" of the window, unless it is `quiet`. What is a `file` is answered as a
 * Blob instead of JSON. `signal` aborts it. Each raises "reached" or "unreachable".
 */
export async function send(method, path, { query, body, key, etag, quiet, file, signal, seconds = SECONDS } = {}) {
  const headers = { Accept: file ? "*/*" : "application/json", "X-Stockroom": "1" };
  if (key) headers["Idempotency-Key"] = key;
  if (etag) headers["If-Match"] = etag;
  if (body instanceof Blob) headers["Content-Type"] = body.type || "application/octet-stream";
  else if (body !== undefined) headers["Content-Type"] = "application/json";
  const content = body === undefined || body instanceof Blob ? body : JSON.stringify(body);
  const limits = [AbortSignal.timeout(seconds * 1000), ...(signal ? [signal] : [])];
  let answer, data;
  const sentAt = Date.now();
  try {
    answer = await fetch(address(path, query), { method, headers, body: content, signal: AbortSignal.any(limits) });
    data = file && answer.ok ? await answer.blob() : parsed(await answer.text());
  } catch (error) {
    if (signal?.aborted) throw error;
    throw unreachable(error.message);
  }
  compare(answer.headers, sentAt);
  // What is no JSON did not come from the service, but from something between: a proxy, the sign-in of a guest network.
  if (answer.ok && data === undefined) throw unreachable(`${answer.status} without JSON`);
  window.dispatchEvent(new CustomEvent("reached"));
  if (!answer.ok) throw refusal(answer, data, quiet);
  const [etagNow, location, disposition] = ["ETag", "Location", "Content-Disposition"].map((name) => answer.headers.get(name));
  return { status: answer.status, data, etag: etagNow, location, name: /filename="([^"]+)"/.exec(disposition)?.[1] };
}

/** Return what a path of the API answers to GET; `options` as of `send`. */
export async function get(path, query, options = {}) {
  return (await send("GET", path, { ...options, query })).data;
}

/**
 * Return all rows of a list of the API, read page by page, or at least `most` of them where there are more.
 *
 * `progress(n)` is called with how many there are so far; further options are those of `send`.
 */
export async function getAll(path, query, { most = Infinity, progress, ...options } = {}) {
  const rows = [];
  let cursor = "";
  do {
    const page = await get(path, { ...query, cursor, limit: PAGE }, options);
    rows.push(...page.data);
    progress?.(rows.length);
    cursor = page.next_cursor;
  } while (cursor && rows.length < most);
  return rows;
}

/** Return a new Idempotency-Key; `crypto.randomUUID` is missing where the page came over plain HTTP. */
export function newKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Return the error of an answer with this status, headers and data. */
export function refusal(answer, data, quiet) {
  if (data?.code === undefined) return unreachable(`${answer.status} without an explanation`);
  if (answer.status === 401 && !quiet) window.dispatchEvent(new CustomEvent("signedout"));
  return new Problem(answer.status, data, answer.headers);
}

function unreachable(message) {
  window.dispatchEvent(new CustomEvent("unreachable"));
  return new Unreachable(message);
}

/** Return what a text of JSON says, null for an empty one; undefined for any other text. */
export function parsed(text) {
  try {
    return text ? JSON.parse(text) : null;
  } catch {
    return undefined;
  }
}
