"""Real recordings made worse: each damage does what it says, the same from the same seed."""

from pathlib import Path

import numpy as np
import pytest

import piano_tone
import recording_files
from pkai.scorer import Judge
from training.evaluation import consensus, worsened, worsened_place
from training.evaluation.worsened import KINDS, SAMPLE_RATE

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


@pytest.mark.parametrize("kind", KINDS)
def test_one_passage_is_made_worse_and_what_is_around_it_left_alone(kind: str) -> None:
    sound = piano_tone.notes(60.0, SAMPLE_RATE, notes_per_s=2.0)
    made, (start_s, stop_s) = worsened_place.in_one_place(sound, kind, np.random.default_rng(4))
    assert 2 <= start_s and stop_s - start_s == pytest.approx(12, abs=6) and stop_s <= len(made) / SAMPLE_RATE - 1.9
    excerpt_s = 48.0
    before, after = made[: round((start_s - 0.1) * SAMPLE_RATE)], made[round((stop_s + 0.1) * SAMPLE_RATE) :]
    places = [_place_of(part[: SAMPLE_RATE // 2], sound) for part in (before, after)]
    np.testing.assert_array_equal(before, sound[places[0] : places[0] + len(before)])
    np.testing.assert_array_equal(after, sound[places[1] : places[1] + len(after)])
    assert places[1] + len(after) - places[0] == pytest.approx(excerpt_s * SAMPLE_RATE, abs=0.2 * SAMPLE_RATE)


def _place_of(part: np.ndarray, sound: np.ndarray) -> int:
    """Where a part was cut from."""
    windows = np.lib.stride_tricks.sliding_window_view(sound, 32)
    found = np.flatnonzero((windows == part[:32]).all(axis=1))
    (place,) = [int(at) for at in found if np.array_equal(sound[at : at + len(part)], part)]
    return place


def test_a_passage_that_the_judge_hears_to_be_weak_is_found(model_root: Path, tmp_path: Path) -> None:
    judge = Judge.load(model_root, "pdr", n_threads=1)
    path = recording_files.write(tmp_path / "a.wav", piano_tone.notes(50.0, SAMPLE_RATE))
    found = worsened_place.places({"tiny": judge}, [path], n_seeds=2)["tiny"]
    assert [(place.kind, place.seed) for place in found] == [(kind, seed) for kind in KINDS for seed in range(2)]
    assert all(0 <= place.share <= 1 for place in found)
    # The tiny model takes silence for flaws.
    assert all(place.share > 0.5 for place in found if place.kind == "pauses")
    assert worsened.counted([place for place in found if place.kind == "pauses"]) == {"right": 2, "n": 2}


def test_a_recording_too_short_for_a_passage_is_refused(tmp_path: Path) -> None:
    path = recording_files.write(tmp_path / "a.wav", piano_tone.notes(12.0, SAMPLE_RATE))
    with pytest.raises(ValueError, match=r"a\.wav is 12 s long; .* it must be 30 s or more"):
        worsened_place.places({}, [path], n_seeds=1)
