"""Responses whose body is at hand are sent without waiting for their end."""

import pytest

from api.json_answers import whole


def test_nothing_can_wait_for_the_end_of_a_whole_response(app):
    with pytest.raises(TypeError, match="not closed"):
        whole(b"{}").call_on_close(lambda: None)
