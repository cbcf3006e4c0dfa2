/** Files on their way to the API, with the progress of the sending, which `fetch` does not know. */

import { Unreachable, address, parsed, refusal } from "./api.js";

/**
 * Send a file as the field `file` of a form and return what the API answers. Throws Problem and Unreachable.
 *
 * `onprogress(share)` is called with how much has been sent, from 0 to 1. `key` is the Idempotency-Key. `signal` aborts
 * it, which throws its reason. No time ends it: a large file takes as long as its way does.
 */
export function upload(path, { query, file, key, onprogress, signal }) {
  const request = new XMLHttpRequest();
  const form = new FormData();
  form.append("file", file);
  request.open("POST", address(path, query));
  request.setRequestHeader("Accept", "application/json");
  request.setRequestHeader("X-Stockroom", "1");
  if (key) request.setRequestHeader("Idempotency-Key", key);
  request.upload.onprogress = (event) => event.lengthComputable && onprogress(event.loaded / event.total);
  return new Promise((resolve, reject) => {
    const abort = () => request.abort();
    signal?.addEventListener("abort", abort);
    request.onabort = () => reject(signal.reason);
    request.onerror = () => reject(new Unreachable("no answer came"));
    request.onload = () => {
      const headers = { get: (name) => request.getResponseHeader(name) };
      const data = parsed(request.responseText);
      const isDone = request.status >= 200 && request.status < 300;
      // What is no JSON did not come from the service.
      if (isDone && data === undefined) reject(new Unreachable(`${request.status} without JSON`));
      else if (isDone) resolve(data);
      else reject(refusal({ status: request.status, headers }, data));
    };
    request.onloadend = () => signal?.removeEventListener("abort", abort);
    if (signal?.aborted) reject(signal.reason);
    else request.send(form);
  });
}
