"""Real recordings made worse: each damage does what it says, the same from the same seed."""

from pathlib import Path

import numpy as np
import pytest

import piano_tone
import recording_files
from training import consensus, worsened
from training.worsened import KINDS, SAMPLE_RATE

SECONDS = 20.0


@pytest.fixture(scope="module")
def sound() -> np.ndarray:
    return piano_tone.notes(SECONDS, SAMPLE_RATE, notes_per_s=2.0).copy()


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_seed_damages_the_same_and_another_differently(kind: str, sound: np.ndarray) -> None:
    first, same, other = (KINDS[kind](sound, np.random.default_rng(seed)) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, same)
    assert len(first) != len(other) or not np.allclose(first, other)
    assert first.dtype == np.float32 and np.isfinite(first).all() and np.abs(first).max() <= 1.2


def test_pauses_are_silences_of_the_length_that_is_told(sound: np.ndarray) -> None:
    damaged = worsened.with_pauses(sound, np.random.default_rng(0))
    assert 2 * 0.4 <= (len(damaged) - len(sound)) / SAMPLE_RATE <= 3 * 1.4
    silent = np.concatenate([[False], damaged == 0, [False]])
    edges = np.flatnonzero(np.diff(silent.astype(int)))
    lengths_s = (edges[1::2] - edges[::2]) / SAMPLE_RATE
    pauses = lengths_s[lengths_s > 0.3]
    assert len(pauses) in (2, 3)
    assert pauses.min() >= 0.4 and pauses.max() <= 1.5


def test_uneven_speed_keeps_the_pitch_and_about_the_length() -> None:
    t = np.arange(round(10 * SAMPLE_RATE)) / SAMPLE_RATE
    tone = (0.5 * np.sin(2 * np.pi * 440 * t)).astype(np.float32)
    damaged = worsened.with_uneven_speed(tone, np.random.default_rng(3))
    assert len(damaged) / len(tone) == pytest.approx(1.0, abs=0.25)
    spectrum = np.abs(np.fft.rfft(damaged))
    hz = np.fft.rfftfreq(len(damaged), 1 / SAMPLE_RATE)
    assert hz[spectrum.argmax()] == pytest.approx(440, abs=3)
    assert spectrum[(hz > 420) & (hz < 460)].sum() > 0.5 * spectrum.sum()


def test_repeats_play_a_passage_again(sound: np.ndarray) -> None:
    damaged = worsened.with_repeats(sound, np.random.default_rng(0))
    again_s = (len(damaged) - len(sound)) / SAMPLE_RATE
    assert 2 * 0.7 <= again_s <= 3 * 2.5
    np.testing.assert_array_equal(damaged[: 2 * SAMPLE_RATE], sound[: 2 * SAMPLE_RATE])
    np.testing.assert_array_equal(damaged[-2 * SAMPLE_RATE :], sound[-2 * SAMPLE_RATE :])


def test_every_recording_is_worsened_in_every_way_and_counted(model_root: Path, tmp_path: Path) -> None:
    path = recording_files.write(tmp_path / "a.wav", piano_tone.notes(14.0, 22_050))
    scorer = consensus.of_model(model_root / "pdr")
    found = worsened.cases({"tiny": scorer}, [path], n_seeds=1)["tiny"]
    assert [(case.kind, case.seed) for case in found] == [(kind, 0) for kind in KINDS]
    # The tiny model's score is the mean feature, which silence lowers.
    assert next(case for case in found if case.kind == "pauses").drop > 0
    assert worsened.counted(found)["n"] == 4
    assert worsened.counted([case for case in found if case.drop <= 0])["right"] == 0
