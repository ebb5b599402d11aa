"""Rows that came a few at a time are one array, whatever their numbers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pkai.rows import Rows


@given(st.lists(st.integers(0, 40), max_size=20), st.integers(1, 50))
def test_rows_are_as_they_came(counts: list[int], room: int) -> None:
    rng = np.random.default_rng(0)
    parts = [rng.random((count, 3), np.float32) for count in counts]
    rows = Rows(3, room=room)
    for part in parts:
        rows.append(part)
    np.testing.assert_array_equal(rows.array(), np.concatenate([np.empty((0, 3), np.float32), *parts]))


def test_rows_of_another_width_are_refused() -> None:
    with pytest.raises(ValueError, match="broadcast"):
        Rows(3, room=4).append(np.zeros((2, 4), np.float32))
