/** What is to be counted at a location, and what was counted of it so far: both are there without network. */

import { get, getAll, path } from "../core/api.js";
import { user } from "../core/session.js";
import { keep, kept } from "../core/store.js";
import { findItem } from "../offline/item.js";
import { isDefault } from "../offline/places.js";

const NAMES = "id,sku,name,barcode,bin";

/** Read the list of a location whole, and keep it; `progress` is told how much there is so far. Raises Problem, Unreachable, NotKept. */
export async function loadList(place, progress) {
  const at = new Date().toISOString();
  const stocks = await getAll("/stocks", { location: place }, { progress });
  const names = new Map((await getAll("/items", { fields: NAMES }, { progress })).map((item) => [item.id, item]));
  const rows = stocks.map(({ item_id: id, sku, quantity, bin }) => {
    const { name = sku, barcode = null, bin: own = "" } = names.get(id) || {};
    return { id, sku, name, barcode, bin: bin || (isDefault(place) ? own : ""), expected: quantity };
  });
  const list = { at, rows: rows.sort(inWalkingOrder) };
  await keep(`list ${place}`, list);
  return list;
}

/** Return the list of a location: the one that was kept while a count of it goes on, or where nobody answers. Raises as `loadList`. */
export async function listOf(place, counted, anew, progress) {
  const before = await kept(`list ${place}`);
  if (!anew && before && Object.keys(counted.entries).length) return before;
  try {
    return await loadList(place, progress);
  } catch (error) {
    if (!before) throw error;
    return before;
  }
}

/** Return what was counted at a location: {entries: {id: {text, expected, was}}, extra: rows that are not in the list}. */
export async function keptCount(place) {
  return (await kept(nameOf(place))) || { entries: {}, extra: [] };
}

/** Keep what was counted at a location; undefined keeps nothing. Raises NotKept. */
export function keepCount(place, count) {
  return keep(nameOf(place), count);
}

/** Return the row of a code that is not in the list, with what the location has of it; null if no item has the code. */
export async function lookUp(code, place) {
  const item = await findItem(code);
  if (!item) return null;
  const { data } = await get(path`/items/${item.id}/stocks`);
  const expected = data.find((stock) => stock.location === place)?.quantity ?? 0;
  return { id: item.id, sku: item.sku, name: item.name, barcode: item.barcode, bin: "", expected };
}

/** Compare rows as one walks along the bins, 2 before 10, and to what has none at the end. */
function inWalkingOrder(a, b) {
  const compared = (one, other) => one.localeCompare(other, undefined, { numeric: true });
  return Number(!a.bin) - Number(!b.bin) || compared(a.bin, b.bin) || compared(a.name, b.name);
}

function nameOf(place) {
  return `count ${user.id} ${place}`;
}
