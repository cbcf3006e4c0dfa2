/** Files that the API answers with: links that the browser follows, and the same where there is no TLS. */

import { address, send } from "./api.js";
import { h } from "./dom.js";
import { reason, say } from "./status.js";

const KEPT = 60_000; // milliseconds; some browsers read what is saved after they have asked where to

/** Return a link that saves what a path of the API answers with. */
export function fileLink(path, query, text, attributes = {}) {
  const href = address(path, query);
  // Without TLS the cookie counts only beside a header, and a link can't send one.
  const fetched = async (event) => {
    event.preventDefault();
    try {
      const { data, name } = await send("GET", path, { query, file: true });
      save(data, name || "");
    } catch (error) {
      say(reason(error), "bad");
    }
  };
  return h("a", { href, download: true, onclick: isSecureContext ? null : fetched, ...attributes }, text);
}

/** Save a file under a name. */
export function save(blob, name) {
  const href = URL.createObjectURL(blob);
  const link = h("a", { href, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(href), KEPT);
}

/** Show in an image what a path of the API answers with; whether it came, the events of the image say. */
export async function showImage(image, path, query) {
  if (isSecureContext) {
    image.src = address(path, query);
    return;
  }
  try {
    const { data } = await send("GET", path, { query, file: true });
    image.addEventListener("load", () => URL.revokeObjectURL(image.src), { once: true });
    image.src = URL.createObjectURL(data);
  } catch {
    image.src = "data:,"; // no image, and so an error
  }
}
