/** Labels for printers that speak ZPL, as those of Zebra: one text with all of them. */

import { get } from "../core/api.js";
import { drawn } from "./sheets.js";

const AT_ONCE = 4;

/** Return the ZPL of the chosen items, each as often as it is wanted. `onprogress(n)` is called on the way. */
export async function zplOf(chosen, sheet, dpi, onprogress) {
  const texts = new Array(chosen.length);
  let next = 0;
  let ready = 0;

  async function work() {
    while (next < chosen.length) {
      const mine = next;
      next += 1;
      const label = await get(`/items/${chosen[mine].item.id}/label`, { format: "zpl", dpi, ...drawn(sheet) }, { file: true });
      texts[mine] = (await label.text()).repeat(chosen[mine].copies);
      onprogress((ready += 1));
    }
  }

  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return texts.join("");
}
