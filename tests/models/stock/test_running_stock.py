"""The running stock against a plain list: whatever is added where, both say the same."""

from hypothesis import given
from hypothesis import strategies as st

from models.stock.running_stock import RunningStock

spans = st.lists(st.tuples(st.integers(-5, 9), st.integers(-3, 0)), min_size=1, max_size=12)


@given(spans, st.lists(st.tuples(st.integers(0, 11), st.integers(-6, 6), st.integers(-10, 10))))
def test_it_says_what_a_plain_list_says(changes, steps):
    running = RunningStock(changes)
    plain = list(changes)

    for place, change, least in steps:
        span = place % len(plain)
        stocks = [sum(change for change, _ in plain[: number + 1]) for number in range(len(plain))]
        low = [number for number in range(span, len(plain)) if stocks[number] + plain[number][1] < least]
        assert running.at(span) == stocks[span]
        assert running.first_below(span, least) == (low[0] if low else None)
        running.add(span, change)
        plain[span] = (plain[span][0] + change, plain[span][1])
