/** Elements of the page. What people wrote only ever becomes text nodes, never markup. */

const PROPERTIES = new Set(["value", "checked", "disabled", "hidden", "selected"]);
const SVG = "http://www.w3.org/2000/svg";

/**
 * Return a new element. An attribute whose name begins with "on" adds a listener; true is an attribute without a value;
 * false, null and undefined leave it out. Children are elements, texts and lists of these.
 */
export function h(name, attributes = {}, ...children) {
  return complete(document.createElement(name), attributes, children);
}

/** Return a new element of SVG; as `h`. */
export function svg(name, attributes = {}, ...children) {
  return complete(document.createElementNS(SVG, name), attributes, children);
}

function complete(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (PROPERTIES.has(name)) element[name] = value;
    else if (value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...present(children));
  return element;
}

/** Replace what an element contains. */
export function replace(element, ...children) {
  element.replaceChildren(...present(children));
}

function present(children) {
  return children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false);
}

/** Give an element the focus where what had it is not shown any more. */
export function refocus(element) {
  if (document.activeElement === document.body) element?.focus({ preventScroll: true });
}

let last = 0;

/** Return an id that no element of the page has yet. */
export function uniqueId(prefix = "id") {
  last += 1;
  return `${prefix}-${last}`;
}
