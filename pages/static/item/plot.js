/** The plot of a quantity over time: a step line, which can be read point by point, and its figures as a table. */

import { h, replace, svg } from "../core/dom.js";
import { table } from "../core/table.js";
import { number, t, time, timeText } from "../core/words.js";
import { levels, times } from "./scale.js";

const HEIGHT = 240;
const [TOP, RIGHT, BOTTOM] = [12, 14, 28];
const CHARACTER = 8; // pixels, of a digit of a label
const EDGE = 24; // pixels, half of the label of a time

/**
 * Return {node, leave()} of points {at, quantity} at equal distances; from each on, its quantity holds.
 *
 * `period` says how the time is labelled; `level` is the reorder level, or null. It is drawn anew for each width, so
 * that its letters are never smaller than those of the page.
 */
export function plot(points, { period, level }) {
  const drawing = h("div", { class: "plot" });
  const said = h("p", { class: "reading" });
  const slider = h("input", { type: "range", class: "no-print", min: 0, max: points.length - 1, value: points.length - 1, "aria-label": t("item.plot.read"), oninput: read });
  const observer = new ResizeObserver(([{ contentRect }]) => draw(contentRect.width));
  let drawn = null;

  function draw(width) {
    if (width < 1) return;
    drawn = picture(points, { width, period, level });
    drawn.node.addEventListener("pointermove", (event) => point(event));
    replace(drawing, drawn.node);
    slider.style.setProperty("--left", `${drawn.left}px`);
    slider.style.setProperty("--right", `${RIGHT}px`);
    read();
  }

  function point(event) {
    const { left } = drawn.node.getBoundingClientRect();
    slider.value = drawn.indexAt(event.clientX - left);
    read();
  }

  function read() {
    const { at, quantity } = points[slider.value];
    const words = t("item.plot.reading", { at: timeText(at), n: quantity });
    said.textContent = words;
    slider.setAttribute("aria-valuetext", words);
    drawn?.mark(Number(slider.value));
  }

  read();
  observer.observe(drawing);
  const node = h("figure", {}, said, drawing, slider, h("details", {}, h("summary", {}, t("item.plot.figures")), figures(points)));
  return { node, leave: () => observer.disconnect() };
}

/** Return the points at which the quantity is another than before, beginning with the first. */
function changes(points) {
  return points.filter(({ quantity }, index) => index === 0 || quantity !== points[index - 1].quantity);
}

function figures(points) {
  const shown = table({
    caption: t("item.plot.figures"),
    columns: [
      { label: t("item.plot.from"), head: true, cell: ({ at }) => time(at.toISOString()) },
      { label: t("field.quantity"), kind: "number", cell: ({ quantity }) => number(quantity) },
    ],
  });
  shown.add(changes(points));
  return shown.node;
}

/** Return {node, left, mark(index), indexAt(x)}: the picture at one width. */
function picture(points, { width, period, level }) {
  const [begin, end] = [points[0].at, points.at(-1).at];
  const scale = levels(Math.max(level ?? 0, ...points.map(({ quantity }) => quantity)));
  const left = Math.max(...scale.map((value) => number(value).length)) * CHARACTER + 12;
  const [right, bottom] = [width - RIGHT, HEIGHT - BOTTOM];
  const x = (at) => round(left + ((at - begin) / (end - begin || 1)) * (right - left));
  const y = (quantity) => round(bottom - (quantity / scale.at(-1)) * (bottom - TOP));
  const line = stepLine(points, x, y);
  const cursor = svg("line", { class: "cursor", y1: TOP, y2: bottom });
  const dot = svg("circle", { class: "dot", r: 4 });
  const node = svg(
    "svg",
    { viewBox: `0 0 ${width} ${HEIGHT}`, width, height: HEIGHT, role: "img", "aria-label": summary(points) },
    scale.map((value) => [
      svg("line", { class: value ? "grid" : "axis", x1: left, x2: right, y1: y(value), y2: y(value) }),
      svg("text", { class: "value", x: left - 8, y: y(value), dy: "0.35em", "text-anchor": "end" }, number(value)),
    ]),
    times(begin, end, period, right - left).map(({ at, label }) => [
      svg("line", { class: "axis", x1: x(at), x2: x(at), y1: bottom, y2: bottom + 5 }),
      // A label that the edge would cut is left out; its mark stays.
      x(at) < width - EDGE && svg("text", { x: x(at), y: bottom + 20, "text-anchor": "middle" }, label),
    ]),
    svg("path", { class: "area", d: `${line}V${y(0)}H${left}Z` }),
    level !== null && svg("line", { class: "level", x1: left, x2: right, y1: y(level), y2: y(level) }),
    svg("path", { class: "line", d: line }),
    level !== null && svg("text", { class: "above", x: left + 6, y: y(level) - 6 }, t("field.reorder_level")),
    cursor,
    dot,
  );

  function mark(index) {
    const { at, quantity } = points[index];
    cursor.setAttribute("x1", x(at));
    cursor.setAttribute("x2", x(at));
    dot.setAttribute("cx", x(at));
    dot.setAttribute("cy", y(quantity));
  }

  const indexAt = (place) => Math.min(points.length - 1, Math.max(0, Math.floor(((place - left) / (right - left)) * (points.length - 1) + 0.5)));
  return { node, left, mark, indexAt };
}

function stepLine(points, x, y) {
  const [first, ...others] = changes(points);
  const steps = others.map(({ at, quantity }) => `H${x(at)}V${y(quantity)}`);
  return `M${x(first.at)} ${y(first.quantity)}${steps.join("")}H${x(points.at(-1).at)}`;
}

function summary(points) {
  const quantities = points.map(({ quantity }) => quantity);
  const [least, most] = [Math.min(...quantities), Math.max(...quantities)];
  return t("item.plot.summary", { begin: timeText(points[0].at), end: timeText(points.at(-1).at), least, most, last: quantities.at(-1) });
}

function round(value) {
  return Math.round(value * 100) / 100;
}
