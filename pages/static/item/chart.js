/** The plot of an item with its periods: a week, a month or a year until now. */

import { get, path } from "../core/api.js";
import { h, replace } from "../core/dom.js";
import { failure } from "../core/status.js";
import { t } from "../core/words.js";
import { plot } from "./plot.js";

const DAY = 24 * 60 * 60 * 1000;
// How long each period is, and the step between its points; the API gives up to 1,000 of them.
const PERIODS = { week: [7, "hour"], month: [30, "hour"], year: [364, "day"] };

/** Return {node, begin(location), show(), leave()}. */
export function chart({ known }) {
  const drawing = h("div", { class: "drawing" });
  const buttons = Object.keys(PERIODS).map((name) => [name, h("button", { type: "button", onclick: () => choose(name) }, t(`item.period.${name}`))]);
  const group = h("div", { class: "periods actions", role: "group", "aria-label": t("item.period") }, buttons.map(([, button]) => button));
  let period = "month";
  let location = "";
  let drawn = null;
  let run = 0;

  function choose(name) {
    period = name;
    return show();
  }

  async function show() {
    const mine = (run += 1);
    for (const [name, button] of buttons) button.setAttribute("aria-pressed", String(name === period));
    const [days, step] = PERIODS[period];
    // The clock of the service may be ahead: what was moved last is seen in any case.
    const until = new Date(Math.max(Date.now(), Date.parse(known.item.updated_at) + 1000));
    const query = { step, location, since: new Date(until - days * DAY).toISOString(), until: until.toISOString() };
    let made;
    try {
      const { data } = await get(path`/items/${known.item.id}/history`, query);
      made = plot(data.map(({ at, quantity }) => ({ at: new Date(at), quantity })), { period, level: level() });
    } catch (error) {
      made = { node: failure(error, show) };
    }
    if (mine !== run) {
      made.leave?.();
      return;
    }
    drawn?.leave?.();
    drawn = made;
    replace(drawing, made.node);
  }

  function level() {
    return location ? known.stocks.find((stock) => stock.location === location)?.reorder_level ?? null : known.item.reorder_level;
  }

  return {
    node: h("div", { class: "card stack" }, group, drawing),
    begin(where) {
      location = where;
      return show();
    },
    show,
    leave() {
      run += 1;
      drawn?.leave?.();
    },
  };
}
