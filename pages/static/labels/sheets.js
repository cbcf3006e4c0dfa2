/** Sheets of labels: how they are divided, in mm, as their makers print it on the box. */

import { number, t } from "../core/words.js";

const A4 = { page_width: 210, page_height: 297 };
const LETTER = { page_width: 215.9, page_height: 279.4 };
const ONE = { left: 0, top: 0, gap_x: 0, gap_y: 0, columns: 1, rows: 1 };

/** The sheets in the order in which they are offered; each has `name`, `title`, and a page, margins, gaps and labels in mm. */
export const SHEETS = [
  { name: "L7160", title: "Avery L7160", ...A4, width: 63.5, height: 38.1, columns: 3, rows: 7, left: 7.2, top: 15.1, gap_x: 2.5, gap_y: 0 },
  { name: "L7173", title: "Avery L7173", ...A4, width: 99.1, height: 57, columns: 2, rows: 5, left: 4.7, top: 6, gap_x: 2.5, gap_y: 0 },
  { name: "L7163", title: "Avery L7163", ...A4, width: 99.1, height: 38.1, columns: 2, rows: 7, left: 4.7, top: 15.1, gap_x: 2.5, gap_y: 0 },
  { name: "L7651", title: "Avery L7651", ...A4, width: 38.1, height: 21.2, columns: 5, rows: 13, left: 4.7, top: 10.7, gap_x: 2.5, gap_y: 0 },
  { name: "5160", title: "Avery 5160 (Letter)", ...LETTER, width: 66.7, height: 25.4, columns: 3, rows: 10, left: 4.8, top: 12.7, gap_x: 3.1, gap_y: 0 },
  { name: "62x29", title: "", page_width: 62, page_height: 29, width: 62, height: 29, ...ONE },
  { name: "100x50", title: "", page_width: 100, page_height: 50, width: 100, height: 50, ...ONE },
];
// The bounds of each measure: what a page may have, and what the API draws.
const BOUNDS = {
  page_width: [20, 500], page_height: [10, 500], left: [0, 100], top: [0, 100], width: [20, 200], height: [10, 200],
  gap_x: [0, 50], gap_y: [0, 50], columns: [1, 20], rows: [1, 50],
};
export const MEASURES = Object.keys(BOUNDS);

/** Return the name of a sheet in words. */
export function sheetTitle({ title, width, height, columns, rows }) {
  const [size, many] = [`${number(width)} × ${number(height)} mm`, `${columns} × ${rows}`];
  return title ? `${title}: ${size}, ${many}` : t("labels.roll", { size });
}

/** Return what a measure of a sheet of one's own must be, in words; "" if it is right. */
export function faultOf(name, value) {
  const [least, most] = BOUNDS[name];
  const isWhole = name !== "columns" && name !== "rows" ? true : Number.isInteger(value);
  return value >= least && value <= most && isWhole ? "" : t("labels.bounds", { least, most });
}

/** Return whether all labels of a sheet lie on its page; a tenth of a millimetre is nothing. */
export function fits(sheet) {
  const across = sheet.left + sheet.columns * sheet.width + (sheet.columns - 1) * sheet.gap_x;
  const down = sheet.top + sheet.rows * sheet.height + (sheet.rows - 1) * sheet.gap_y;
  return across <= sheet.page_width + 0.1 && down <= sheet.page_height + 0.1;
}

/** Return the size in which the API draws a label: whole millimetres, none more than there are. */
export function drawn({ width, height }) {
  return { width: Math.floor(width), height: Math.floor(height) };
}

/** Return the rules of a sheet as CSS; every value is a number that was checked. */
export function rulesOf(sheet) {
  const mm = (value) => `${Number(value)}mm`;
  const scaled = (value) => `calc(${Number(value)} * var(--mm))`;
  const size = drawn(sheet);
  return `
    @page { size: ${mm(sheet.page_width)} ${mm(sheet.page_height)}; margin: 0; }
    .sheet {
      --mm: min(1mm, calc(100cqw / ${Number(sheet.page_width)}));
      width: ${scaled(sheet.page_width)}; height: ${scaled(sheet.page_height)};
      padding: ${scaled(sheet.top)} 0 0 ${scaled(sheet.left)};
      grid-template-columns: repeat(${Number(sheet.columns)}, ${scaled(sheet.width)});
      grid-auto-rows: ${scaled(sheet.height)}; gap: ${scaled(sheet.gap_y)} ${scaled(sheet.gap_x)};
    }
    .sheet img { width: ${scaled(size.width)}; height: ${scaled(size.height)}; }
    @media print { .sheet { --mm: 1mm; } }`;
}
