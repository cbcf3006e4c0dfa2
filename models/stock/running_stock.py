"""The running stock of one item over consecutive spans of time, in which a change moves its span and all later ones."""

from collections.abc import Sequence

# Lower than any stock can be above zero, so that a leaf without a span is never the lowest.
NEVER = 2**62


class RunningStock:
    """The stock in each span, as a tree of sums: to read, check or change one takes as many steps as it has levels.

    A node has the sum of the changes below it, and the lowest sum that is reached on the way through them.
    """

    def __init__(self, spans: Sequence[tuple[int, int]]) -> None:
        """Take for each span by how much the stock changes as it begins, and how far it falls below that within it."""
        self._leaves = 1 << (len(spans) - 1).bit_length()
        empty = self._leaves - len(spans)
        self._sums = [0] * self._leaves + [change for change, _ in spans] + [0] * empty
        self._lowest = [0] * self._leaves + [change + dip for change, dip in spans] + [NEVER] * empty
        for node in reversed(range(1, self._leaves)):
            self._update(node)

    def _update(self, node: int) -> None:
        left, right = 2 * node, 2 * node + 1
        self._sums[node] = self._sums[left] + self._sums[right]
        self._lowest[node] = min(self._lowest[left], self._sums[left] + self._lowest[right])

    def _before(self, node: int) -> int:
        """Return the sum of all changes before those of a node."""
        total = 0
        while node > 1:
            if node % 2:
                total += self._sums[node - 1]
            node //= 2
        return total

    def at(self, span: int) -> int:
        """Return the stock as a span begins."""
        leaf = self._leaves + span
        return self._before(leaf) + self._sums[leaf]

    def add(self, span: int, change: int) -> None:
        """Change the stock from the beginning of a span on."""
        node = self._leaves + span
        self._sums[node] += change
        self._lowest[node] += change
        while node := node // 2:
            self._update(node)

    def first_below(self, span: int, least: int) -> int | None:
        """Return the first span from this one on in which the stock falls below `least`, or None."""
        node = self._leaves + span
        before = self._before(node)
        while before + self._lowest[node] >= least:
            while node % 2:  # a right child, or the root: nothing later is below its parent
                before -= self._sums[node - 1]
                node //= 2
            if node == 0:
                return None
            before += self._sums[node]
            node += 1
        while node < self._leaves:
            node *= 2
            if before + self._lowest[node] >= least:
                before += self._sums[node]
                node += 1
        return node - self._leaves
