"""The schedule of repeated deliveries."""

import pytest

from delivery.retries import delay


@pytest.mark.parametrize(
    ("attempts", "seconds"), [(1, 5), (2, 30), (3, 120), (4, 600), (5, 1800), (6, 3600), (7, 3600), (70, 3600)]
)
def test_it_is_tried_again_after_5_s_30_s_2_10_and_30_min_and_then_hourly_give_or_take_a_fifth(attempts, seconds):
    delays = [delay(attempts) for _ in range(200)]

    assert all(0.8 * seconds <= each <= 1.2 * seconds for each in delays)
    assert max(delays) - min(delays) > 0.2 * seconds


def test_a_receiver_that_names_a_time_is_not_disturbed_before_it():
    assert delay(1, 90.0) == 90.0


def test_a_receiver_can_put_it_off_by_an_hour_at_most():
    assert delay(1, 1e9) == 3600.0


def test_a_receiver_that_names_no_time_at_all_is_not_tried_faster():
    assert delay(3, 0.0) >= 0.8 * 120
