"""Chroma equals librosa's, arrives in any blocks, and is kept in few bytes."""

from collections.abc import Iterator

import librosa
import numpy as np
import numpy.typing as npt
import pytest

import piano_tone
from pkai import chroma
from pkai.chroma import Listener
from pkai.features import FeatureConfig

CONFIG = FeatureConfig()
Waveform = npt.NDArray[np.float32]


def blocks(waveform: Waveform, n_samples: int) -> Iterator[Waveform]:
    """A waveform in pieces."""
    return (waveform[start : start + n_samples] for start in range(0, len(waveform), n_samples))


def heard(waveform: Waveform, *, n_samples: int = 4096) -> Listener:
    """A listener by whom a waveform has passed."""
    listener = Listener(CONFIG)
    passed = list(listener.passing(blocks(waveform, n_samples)))
    assert np.array_equal(np.concatenate(passed), waveform)
    return listener


@pytest.fixture(scope="module")
def playing() -> Waveform:
    return piano_tone.notes(9.0, CONFIG.sample_rate)


def test_frames_equal_librosas(playing: Waveform) -> None:
    expected = librosa.feature.chroma_stft(
        y=playing,
        sr=CONFIG.sample_rate,
        n_fft=chroma.WINDOWS * CONFIG.n_fft,
        hop_length=chroma.HOPS * CONFIG.hop_length,
        tuning=0.0,
        norm=None,
    ).T
    found = heard(playing).frames()
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, atol=1e-5 * expected.max())


@pytest.mark.parametrize(("sample_rate", "n_fft"), [(22_050, 4096), (22_050, 2048), (16_000, 4096)])
def test_the_filters_equal_librosas(sample_rate: int, n_fft: int) -> None:
    expected = librosa.filters.chroma(sr=sample_rate, n_fft=n_fft, tuning=0.0)
    np.testing.assert_allclose(chroma.filterbank(sample_rate, n_fft), expected, atol=1e-6)


@pytest.mark.parametrize("n_samples", [100, 2205, 1_000_000])
def test_the_block_size_is_of_no_matter(playing: Waveform, n_samples: int) -> None:
    expected = heard(playing).frames()
    np.testing.assert_allclose(heard(playing, n_samples=n_samples).frames(), expected, atol=1e-5 * expected.max())


def test_a_tone_is_heard_as_its_pitch_class() -> None:
    seconds = np.arange(3 * CONFIG.sample_rate) / CONFIG.sample_rate
    listener = heard(np.sin(2 * np.pi * 440.0 * seconds).astype(np.float32))
    assert set(listener.loudness().argmax(axis=1)) == {9}  # A, counted from C


def test_louder_is_the_same(playing: Waveform) -> None:
    np.testing.assert_allclose(heard(playing * 4).loudness(), heard(playing).loudness(), atol=1e-4)


def test_digital_silence_after_it_takes_nothing_from_what_was_played(playing: Waveform) -> None:
    pitches = heard(np.concatenate([playing, np.zeros(20 * len(playing), np.float32)])).loudness()
    alone = heard(playing).loudness()
    assert np.isfinite(pitches).all()
    assert np.corrcoef(pitches[: len(alone) - 1].ravel(), alone[:-1].ravel())[0, 1] > 0.95


def test_what_is_packed_is_the_same_to_half_a_level_and_short(playing: Waveform) -> None:
    steps = heard(playing).loudness()
    text = chroma.pack(steps)
    assert np.abs(chroma.unpack(text) - steps).max() <= 0.5 / 15 + 1e-6
    assert len(text) <= 9 * 30


@pytest.mark.parametrize("text", ["A", "AAAA", "no base64!"])
def test_what_was_not_packed_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        chroma.unpack(text)


def test_less_than_a_step_is_nothing() -> None:
    assert chroma.loudness(np.ones((2, 12), np.float32)).shape == (0, 12)
    assert Listener(CONFIG).frames().shape == (0, 12)
