"""Variants are the same performance on another day: other in tuning, tempo, tone and noise, by chance alone."""

from pathlib import Path

import librosa
import numpy as np
import pytest

import piano_tone
from pkai.features import FeatureConfig
from training.fine_tuning import variants
from training.fine_tuning.variants import VariantConfig, variant
from training.people.playback import wav_bytes

FEATURES = FeatureConfig()
RATE = FEATURES.sample_rate
NOTHING = VariantConfig(most_semitones=0.0, most_tempo=0.0, most_tone_db=0.0, least_snr_db=90.0, most_snr_db=90.0)


def tone(hz: float, seconds: float = 2.0) -> np.ndarray:
    return (0.5 * np.sin(2 * np.pi * hz * np.arange(round(seconds * RATE)) / RATE)).astype(np.float32)


def with_only(**asked: float) -> VariantConfig:
    unchanged = {"most_semitones": 0.0, "most_tempo": 0.0, "most_tone_db": 0.0, "least_snr_db": 90.0}
    return VariantConfig(**{**unchanged, "most_snr_db": 90.0, **asked})  # type: ignore[arg-type]


def drawn(waveform: np.ndarray, how: VariantConfig, n: int = 4) -> list[np.ndarray]:
    return [variant(waveform, RATE, how, np.random.default_rng(seed)) for seed in range(n)]


def test_nothing_asked_for_changes_nothing_that_can_be_heard() -> None:
    sound = tone(440.0)
    found = drawn(sound, NOTHING, 1)[0]
    assert found.dtype == np.float32 and len(found) == len(sound)
    assert float(np.sqrt(np.mean((found - sound) ** 2))) < 0.01


def test_tempo_changes_the_length_within_its_bounds_and_not_the_tuning() -> None:
    found = drawn(tone(440.0), with_only(most_tempo=0.1))
    ratios = [2.0 * RATE / len(each) for each in found]
    assert all(0.89 < ratio < 1.11 for ratio in ratios) and np.std(ratios) > 0.01
    assert all(abs(_peak_hz(each) - 440.0) < 4 for each in found)


def test_tuning_changes_within_its_bounds_and_not_the_length() -> None:
    found = drawn(tone(440.0), with_only(most_semitones=1.0))
    assert {len(each) for each in found} == {2 * RATE}
    semitones = [12 * np.log2(_peak_hz(each) / 440.0) for each in found]
    assert all(-1.1 < each < 1.1 for each in semitones) and np.std(semitones) > 0.1


def test_noise_lies_as_far_below_the_playing_as_asked_for() -> None:
    sound = tone(440.0)
    found = drawn(sound, with_only(least_snr_db=20.0, most_snr_db=20.0), 1)[0]
    clean = drawn(sound, NOTHING, 1)[0]
    snr_db = 10 * np.log10(np.mean(clean**2) / np.mean((found - clean) ** 2))
    assert snr_db == pytest.approx(20.0, abs=0.5)


def test_tone_moves_loudness_by_no_more_than_asked_for() -> None:
    gains_db = [
        20 * np.log10(np.std(each) / np.std(tone(440.0))) for each in drawn(tone(440.0), with_only(most_tone_db=6.0), 8)
    ]
    assert max(map(abs, gains_db)) < 6.5 and np.std(gains_db) > 0.3


def test_every_recording_has_its_variants_and_the_same_seed_gives_the_same(tmp_path: Path) -> None:
    files = {}
    for seed, name in enumerate(("a", "b")):
        files[name] = tmp_path / f"{name}.wav"
        files[name].write_bytes(wav_bytes(piano_tone.notes(2.0, RATE, seed=seed), RATE))
    how = VariantConfig(n=2)
    found, again = (variants.hear(files, FEATURES, how, least_frames=50) for _ in range(2))
    assert {name: len(each) for name, each in found.items()} == {"a": 2, "b": 2}
    for name in files:
        assert all(np.array_equal(one, two) for one, two in zip(found[name], again[name], strict=True))
        assert not np.array_equal(found[name][0][:50], found[name][1][:50])
        assert all(each.shape[1] == FEATURES.n_features and each.dtype == np.float16 for each in found[name])
    assert variants.hear(files, FEATURES, how, least_frames=500) == {"a": [], "b": []}
    assert variants.hear(files, FEATURES, VariantConfig(), least_frames=50) == {"a": [], "b": []}


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"n": -1}, "n is -1; it must be 0 or more"),
        ({"most_tempo": 0.5}, r"most_tempo is 0\.5; it must be in 0\.\.0\.2"),
        ({"most_snr_db": 5.0}, r"most_snr_db is 5\.0; it must be 20 or more"),
    ],
)
def test_variants_that_would_be_another_performance_are_refused(asked: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        VariantConfig(**asked)  # type: ignore[arg-type]


def _peak_hz(waveform: np.ndarray) -> float:
    spectrum = np.abs(np.fft.rfft(waveform * np.hanning(len(waveform))))
    return float(librosa.fft_frequencies(sr=RATE, n_fft=len(waveform))[np.argmax(spectrum)])
