/** What was scanned: how many of what, and which item a code means: the one with this barcode, else the one with this SKU. */

import { Problem, decoded, get, path } from "../core/api.js";

// The labels of the service have the address of the item.
const LABEL = /^https?:\/\/[^/]+\/i\/(.+)$/i;
const AMOUNT = /^(\d{1,6})\s*[*×]\s*(.+)$/;

/** Return {amount, code} of what was scanned: "5*CODE" is five of it, a code alone is one. */
export function amountAndCode(text) {
  const [, amount, code] = AMOUNT.exec(text) || [text, "1", text];
  return { amount: Number(amount), code: code.trim() };
}

/** Return the SKU that a label of the service names; undefined for any other code. */
export function skuOfLabel(code) {
  const label = LABEL.exec(code);
  return label ? decoded(label[1]) : undefined;
}

/** Return the item that a code means; null if none does. Raises Unreachable, and Problem where the API is not to be asked. */
export async function findItem(code) {
  const sku = skuOfLabel(code);
  if (sku) return (await found(path`/items/by-sku/${sku}`)) || null;
  const list = await found("/items", { barcode: code, cursor: "", limit: 1 });
  return list?.data[0] || (await found(path`/items/by-sku/${code}`)) || null;
}

async function found(address, query) {
  try {
    return await get(address, query, { quiet: true });
  } catch (error) {
    // Neither has every text the form of a barcode or of a SKU.
    if (error instanceof Problem && [400, 404, 422].includes(error.status)) return null;
    throw error;
  }
}
