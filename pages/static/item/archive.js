/** The archive: where items go that are not kept any more, and from where they come back. */

import { newKey, path, send } from "../core/api.js";
import { confirm } from "../core/dialog.js";
import { attempt } from "../core/status.js";
import { t } from "../core/words.js";

/** Archive an item after asking; `done()` is called when it is. */
export async function archive(item, done) {
  if (!(await confirm(t("item.archive"), t("item.archive_ask", { name: item.name }), t("item.archive")))) return;
  await change("DELETE", path`/items/${item.id}`, item, done);
}

/** Restore an item; `done()` is called when it is. */
export function restore(item, done) {
  return change("POST", path`/items/${item.id}/restore`, item, done, newKey());
}

function change(method, where, item, done, key) {
  return attempt(async () => {
    const { etag } = await send("GET", path`/items/${item.id}`);
    await send(method, where, { etag, key });
    await done();
  });
}
