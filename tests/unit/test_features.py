"""The front end is librosa's and torchaudio's, deaf to block sizes and gain, and stays what it was."""

import librosa
import numpy as np
import numpy.typing as npt
import pytest
import torch
import torchaudio
from hypothesis import given
from hypothesis import strategies as st

import piano_tone
from golden import make as golden
from pkai import features
from pkai.features import FeatureConfig

CONFIG = FeatureConfig()
CONFIGS = (
    CONFIG,
    FeatureConfig(sample_rate=16_000, n_fft=1024, hop_length=160, n_mels=64, fmin=0.0, fmax=8000.0),
    FeatureConfig(sample_rate=44_100, n_fft=4096, hop_length=1024, n_mels=128, fmin=27.5, fmax=16_000.0),
)
BY_CONFIG = pytest.mark.parametrize("config", CONFIGS, ids=lambda c: f"{c.sample_rate}Hz-{c.n_fft}-{c.n_mels}mel")
# Float32 spectra: librosa's and ours differ by rounding, below 1e-5 of the loudest power.
POWER_TOLERANCE = 1e-5


def librosa_mel(y: npt.NDArray[np.float32], config: FeatureConfig) -> npt.NDArray[np.float32]:
    """(T, M) power by librosa, with the parameters of `config`."""
    mel: npt.NDArray[np.float32] = librosa.feature.melspectrogram(
        y=y,
        sr=config.sample_rate,
        n_fft=config.n_fft,
        hop_length=config.hop_length,
        n_mels=config.n_mels,
        fmin=config.fmin,
        fmax=config.fmax,
        pad_mode="constant",
    )
    return mel.T


@BY_CONFIG
def test_the_filterbank_is_librosas(config: FeatureConfig) -> None:
    expected = librosa.filters.mel(
        sr=config.sample_rate, n_fft=config.n_fft, n_mels=config.n_mels, fmin=config.fmin, fmax=config.fmax
    )
    np.testing.assert_allclose(features.mel_filterbank(config), expected, rtol=0, atol=1e-8)


@BY_CONFIG
def test_mel_frames_are_librosas(config: FeatureConfig) -> None:
    y = piano_tone.notes(3.0, config.sample_rate)
    expected = librosa_mel(y, config)
    got = features.mel_frames([y], config)
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, expected, rtol=1e-4, atol=POWER_TOLERANCE * float(expected.max()))


@BY_CONFIG
def test_mel_frames_are_torchaudios(config: FeatureConfig) -> None:
    y = piano_tone.notes(3.0, config.sample_rate)
    transform = torchaudio.transforms.MelSpectrogram(
        sample_rate=config.sample_rate,
        n_fft=config.n_fft,
        hop_length=config.hop_length,
        f_min=config.fmin,
        f_max=config.fmax,
        n_mels=config.n_mels,
        pad_mode="constant",
        norm="slaney",
        mel_scale="slaney",
    )
    expected = transform(torch.tensor(y)).numpy().T
    got = features.mel_frames([y], config)
    np.testing.assert_allclose(got, expected, rtol=1e-3, atol=POWER_TOLERANCE * float(expected.max()))


def test_mfcc_are_librosas_of_the_same_log_mel() -> None:
    y = piano_tone.notes(3.0, CONFIG.sample_rate)
    mel = features.mel_frames([y], CONFIG)
    log_mel = features.normalise(mel, CONFIG)
    expected = librosa.feature.mfcc(S=log_mel.T, n_mfcc=CONFIG.n_mfcc, dct_type=2, norm="ortho").T
    np.testing.assert_allclose(features.normalise(mel, FeatureConfig(kind="mfcc")), expected, rtol=0, atol=2e-5)


@pytest.mark.parametrize("n_samples", [0, 1, 440, 441, 2047, 2048, 22_050, 57_330])
def test_there_is_one_frame_per_hop_and_one_more(n_samples: int) -> None:
    y = np.ones(n_samples, np.float32)
    assert features.mel_frames([y], CONFIG).shape == (1 + n_samples // CONFIG.hop_length, CONFIG.n_mels)


def test_the_last_sample_is_heard() -> None:
    y = np.zeros(CONFIG.sample_rate * 3, np.float32)
    y[-1] = 1.0
    assert features.mel_frames([y], CONFIG)[-1].max() > 0


@given(cuts=st.lists(st.integers(0, 4 * 22_050), max_size=12))
def test_no_chunking_moves_a_frame(cuts: list[int]) -> None:
    y = piano_tone.notes(4.0, CONFIG.sample_rate)
    whole = features.mel_frames([y], CONFIG)
    chunked = features.mel_frames(np.split(y, sorted(cuts)), CONFIG)
    assert chunked.shape == whole.shape
    np.testing.assert_allclose(chunked, whole, rtol=0, atol=1e-6)


def test_blocks_of_one_sample_are_as_good_as_any() -> None:
    y = piano_tone.notes(0.3, CONFIG.sample_rate)
    single = features.mel_frames((y[i : i + 1] for i in range(len(y))), CONFIG)
    np.testing.assert_allclose(single, features.mel_frames([y], CONFIG), rtol=0, atol=1e-6)


@pytest.mark.parametrize("kind", ["log-mel", "mfcc"])
@given(gain_db=st.floats(-40, 20))
def test_gain_does_not_move_features(kind: str, gain_db: float) -> None:
    config = FeatureConfig(kind=kind)  # type: ignore[arg-type]  # both are kinds
    y = piano_tone.notes(1.0, config.sample_rate)
    louder = y * np.float32(10 ** (gain_db / 20))
    expected = features.normalise(features.mel_frames([y], config), config)
    got = features.normalise(features.mel_frames([louder], config), config)
    np.testing.assert_allclose(got, expected, rtol=0, atol=2e-4)


def test_digital_silence_has_finite_features() -> None:
    silence = np.zeros((20, CONFIG.n_mels), np.float32)
    assert np.isfinite(features.normalise(silence, CONFIG)).all()


@pytest.mark.parametrize("pause_level", [0.0, 1e-3])
def test_a_pause_that_outlasts_the_playing_is_not_taken_for_loud(pause_level: float) -> None:
    played = features.mel_frames([piano_tone.notes(1.0, CONFIG.sample_rate)], CONFIG)
    noise = np.random.default_rng(0).standard_normal(25 * CONFIG.sample_rate).astype(np.float32)
    pause = features.mel_frames([noise * np.float32(pause_level)], CONFIG)
    together = features.normalise(np.concatenate([played, pause]), CONFIG)
    assert np.isfinite(together).all()
    assert together.max() < 2.6, "30 dB above the quietest that counts as loud"


def test_log_mel_lies_where_the_network_expects_it() -> None:
    y = piano_tone.notes(4.0, CONFIG.sample_rate)
    log_mel = features.normalise(features.mel_frames([y], CONFIG), CONFIG)
    assert log_mel.min() >= -2.501
    assert log_mel.max() <= 1.5


def test_energy_of_a_full_scale_sine_does_not_depend_on_its_place_in_time() -> None:
    t = np.arange(CONFIG.sample_rate) / CONFIG.sample_rate
    energy_db = features.frame_energy_db(features.mel_frames([np.sin(2 * np.pi * 440 * t).astype(np.float32)], CONFIG))
    inner = energy_db[5:-5]
    assert np.ptp(inner) < 0.01


def test_silence_has_the_floor_as_its_energy() -> None:
    np.testing.assert_allclose(features.frame_energy_db(np.zeros((3, 96), np.float32)), -120.0)


@pytest.mark.parametrize("config", [FeatureConfig(), FeatureConfig(kind="mfcc")], ids=lambda c: c.kind)
def test_features_are_what_they_were_when_the_weights_were_trained(config: FeatureConfig) -> None:
    np.testing.assert_allclose(golden.features(config), np.load(golden.path(config)), rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"kind": "chroma"}, "feature kind is 'chroma'; it must be 'log-mel' or 'mfcc'"),
        ({"hop_length": 0}, "hop_length is 0; it must lie in 1..n_fft=2048"),
        ({"hop_length": 4096}, "hop_length is 4096"),
        ({"fmax": 20_000.0}, "fmax=20000.0 must satisfy 0 <= fmin < fmax <= sample_rate / 2"),
        ({"fmin": 9000.0}, "fmin=9000.0"),
        ({"n_mfcc": 97}, "n_mfcc is 97; it must lie in 1..n_mels=96"),
    ],
)
def test_an_impossible_front_end_is_refused_with_what_would_be_right(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message.replace(".", r"\.")):
        FeatureConfig(**changes)  # type: ignore[arg-type]  # wrong on purpose
