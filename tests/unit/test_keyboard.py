"""No key is still down when it is struck again."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.music import keyboard

TONES = st.lists(st.tuples(st.integers(0, 20), st.integers(1, 12), st.integers(60, 62)), max_size=30)


@given(tones=TONES)
def test_a_tone_ends_when_its_key_is_struck_again_and_not_before(tones: list[tuple[int, int, int]]) -> None:
    onset, length, pitch = np.array(tones, float).reshape(-1, 3).T
    freed = keyboard.freed(onset, length, pitch)
    for i, (begins, lasts, key) in enumerate(tones):
        again = [other for j, (other, _, same) in enumerate(tones) if same == key and other >= begins and j != i]
        later = [other for other in again if other > begins]
        longest = min([begins + lasts, *later]) - begins
        # Of those struck at once one goes on, and the others are no tones of their own.
        assert freed[i] == longest or (freed[i] == 0 and len(again) > len(later))


def test_of_those_struck_at_once_one_goes_on() -> None:
    assert sorted(keyboard.freed(np.zeros(3), np.ones(3), np.full(3, 60)).tolist()) == pytest.approx([0, 0, 1])
