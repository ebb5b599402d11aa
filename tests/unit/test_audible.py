"""What can be heard of a flaw: events about a moment, and how long tones sound under a pedal."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.ladder.audible import events_per_s, mean_change, sounding_s
from training.music.performance import PEDAL_DTYPE, Notes

MOMENTS_S = np.arange(-10, 40, 0.05)


def pedal(*values: tuple[float, int]) -> Notes:
    return np.array(list(values), PEDAL_DTYPE)


@given(events=st.lists(st.tuples(st.floats(0, 30), st.floats(0, 3)), max_size=8))
def test_events_over_all_moments_are_as_many_as_there_were(events: list[tuple[float, float]]) -> None:
    times_s, weights = np.array(events).reshape(-1, 2).T
    assert events_per_s(times_s, weights, MOMENTS_S).sum() * 0.05 == pytest.approx(weights.sum(), abs=1e-6)


def test_an_event_is_heard_most_where_it_is_and_not_two_seconds_away() -> None:
    found = events_per_s(np.array([5.0]), np.array([1.0]), np.array([3.0, 4.0, 5.0, 6.0, 7.0]))
    np.testing.assert_allclose(found, [0, 0.25, 0.5, 0.25, 0])


@given(onset_s=st.floats(0, 10), length_s=st.floats(0.04, 8))
def test_without_a_pedal_a_tone_sounds_as_long_as_its_key_is_down(onset_s: float, length_s: float) -> None:
    found = sounding_s(np.array([onset_s]), np.array([length_s]), pedal())
    np.testing.assert_allclose(found, min(length_s, 2.5))


@pytest.mark.parametrize(
    ("values", "seconds"),
    [
        ([(0.0, 127), (1.5, 0)], 1.5),  # held on until the foot lifts
        ([(0.0, 127), (9.0, 0)], 2.5),  # faded by then
        ([(0.0, 127), (0.5, 0)], 1.0),  # lifted before the key was
        ([(2.0, 127), (3.0, 0)], 1.0),  # pressed too late
        ([(0.0, 63), (1.5, 0)], 1.0),  # a foot at rest
        ([(0.0, 127)], 2.5),  # never lifted
    ],
)
def test_a_pedal_holds_a_tone_whose_key_is_up(values: list[tuple[float, int]], seconds: float) -> None:
    found = sounding_s(np.array([0.0]), np.array([1.0]), pedal(*values))
    np.testing.assert_allclose(found, seconds)


def test_longer_and_shorter_count_alike_where_the_tones_end() -> None:
    onset_s, before_s, after_s = np.array([0.0, 20.0]), np.array([1.0, 1.0]), np.array([2.0, 0.5])
    found = mean_change(onset_s, before_s, after_s, np.array([1.0, 10.0, 20.5]))
    np.testing.assert_allclose(found, [np.log(2), 0, np.log(2)])
