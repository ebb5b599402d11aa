"""A made-up etude: a melody over chords, evenly played, as the skill ladder and the excerpts take it."""

from functools import lru_cache

import numpy as np

from training.music.performance import PEDAL_DTYPE, Performance, make_notes


@lru_cache(maxsize=16)
def etude(n_onsets: int = 120, *, gap_s: float = 0.4, chord_spread_s: float = 0.0, seed: int = 3) -> Performance:
    """Onsets at `gap_s`; each fourth carries a chord of three below the melody, under a pedal that changes with it.

    The notes of a chord follow each other at `chord_spread_s`, the melody last.
    """
    rng = np.random.default_rng(seed)
    rows: list[tuple[float, float, int, int]] = []
    pedal: list[tuple[float, int]] = []
    for i in range(n_onsets):
        onset_s = i * gap_s
        loudness = round(64 + 16 * float(np.sin(2 * np.pi * i / 40)))
        if i % 4 == 0:
            pedal += [(onset_s + 0.02, 0), (onset_s + 0.1, 127)]
            for k, pitch in enumerate((48, 52, 55)):
                rows.append((onset_s + k * chord_spread_s, 3 * gap_s, pitch, loudness - 20))
        lead_s = 3 * chord_spread_s if i % 4 == 0 else 0.0
        rows.append((onset_s + lead_s, 0.9 * gap_s, int(rng.integers(67, 85)), loudness))
    return Performance(make_notes(rows), np.array(pedal, PEDAL_DTYPE))
