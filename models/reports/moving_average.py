"""The moving average of what an item cost, exact until it is rounded once."""

from fractions import Fraction

# In bits. Each issue between two receipts lengthens the exact average by those of the stock. From this length on it is
# cut, which may change what is rounded only if the two lie closer together than any two amounts.
LONGEST = 2048


class MovingAverage:
    """The average cost of the units of one item, in ten-thousandths, as its receipts come in the order of time.

    What leaves the stock leaves the average as it is, and so does what comes without a cost.
    """

    def __init__(self) -> None:
        self._numerator = 0
        self._denominator = 0  # while no cost is known

    def receive(self, quantity: int, cost: int, *, stock: int) -> None:
        """Add units at a cost to a stock; where there is none, the average begins anew."""
        if stock <= 0 or not self._denominator:
            self._numerator, self._denominator = cost, 1
            return
        self._numerator = stock * self._numerator + quantity * cost * self._denominator
        self._denominator *= stock + quantity
        if self._denominator.bit_length() > LONGEST:
            self._numerator = (self._numerator << LONGEST) // self._denominator
            self._denominator = 1 << LONGEST

    def rounded(self) -> int | None:
        """Return the average, rounded half to even; None if no cost is known."""
        return round(Fraction(self._numerator, self._denominator)) if self._denominator else None
