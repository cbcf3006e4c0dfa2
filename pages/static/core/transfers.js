/** What of a transfer is on its way. */

/** Return how many units of a line are still on their way. */
export function missing({ quantity, received, returned, damaged }) {
  return quantity - received - returned - damaged;
}

/** Return how many units of these lines are. */
export function outstanding(lines) {
  return lines.reduce((sum, line) => sum + missing(line), 0);
}
