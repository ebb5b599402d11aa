"""What was not played does not count, and nothing that was played is left out."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import piano_tone
from pkai import features, playing
from pkai.errors import SilentRecording
from pkai.features import FeatureConfig
from training.sound import surroundings

CONFIG = FeatureConfig()
FEW = settings(max_examples=12)  # each computes the frames of several seconds
Waveform = npt.NDArray[np.float32]


def mel_of(*parts: Waveform) -> features.Frames:
    """Mel frames of parts joined end to end."""
    return features.mel_frames(parts, CONFIG)


def silence(duration_s: float) -> Waveform:
    """Digital silence."""
    return np.zeros(round(duration_s * CONFIG.sample_rate), np.float32)


def noise(duration_s: float, level_db: float, rng: np.random.Generator) -> Waveform:
    """White noise with an RMS of level_db below full scale."""
    y = rng.normal(size=round(duration_s * CONFIG.sample_rate)) * 10 ** (level_db / 20)
    return y.astype(np.float32)


def played_s(mel: features.Frames) -> tuple[float, float]:
    """The played span in seconds."""
    start, stop = playing.span(mel, CONFIG)
    return start / CONFIG.frames_per_s, stop / CONFIG.frames_per_s


@FEW
@given(
    before_s=st.floats(0, 5),
    after_s=st.floats(0, 5),
    level_db=st.sampled_from([None, -80.0, -70.0, -60.0]),
)
def test_silence_and_low_noise_around_the_playing_do_not_count(
    before_s: float, after_s: float, level_db: float | None
) -> None:
    rng = np.random.default_rng(1)
    around = [
        silence(duration_s) if level_db is None else noise(duration_s, level_db, rng)
        for duration_s in (before_s, after_s)
    ]
    tone = piano_tone.notes(6.0, CONFIG.sample_rate)
    bare_from_s, bare_to_s = played_s(mel_of(tone))
    from_s, to_s = played_s(mel_of(around[0], tone, around[1]))
    # Noise hides the last of a dying note, and a frame is 93 ms wide: a tenth of a second is its edge.
    assert from_s == pytest.approx(before_s + bare_from_s, abs=0.1)
    assert to_s == pytest.approx(before_s + bare_to_s, abs=0.1)


@pytest.mark.parametrize("below_db", [20.0, 25.0, 30.0, 35.0])
def test_loud_noise_around_the_playing_does_not_count_either(below_db: float, rng: np.random.Generator) -> None:
    tone = piano_tone.notes(6.0, CONFIG.sample_rate)
    recording = np.concatenate([silence(3.0), tone, silence(5.0)])
    recording += noise(14.0, 20 * np.log10(tone.std()) - below_db, rng)[: len(recording)]
    from_s, to_s = played_s(mel_of(recording))
    assert from_s == pytest.approx(3.0, abs=0.1)
    assert 8.0 < to_s < 9.2  # the last note drowns sooner


def test_a_recording_begins_and_ends_where_it_does_however_soft_it_is(rng: np.random.Generator) -> None:
    tone = np.concatenate([silence(2.0), piano_tone.notes(4.0, CONFIG.sample_rate), silence(2.0)])
    hissing = tone + noise(8.0, -85.0, rng)[: len(tone)]
    for recording in (tone, hissing, np.concatenate([silence(2.0), hissing])):
        spans = {playing.span(mel_of(recording * np.float32(gain)), CONFIG) for gain in (1.0, 0.1, 0.01)}
        assert len(spans) == 1


@FEW
@given(before_hops=st.integers(10, 200), after_hops=st.integers(10, 200))
def test_silence_around_the_playing_does_not_move_its_features(before_hops: int, after_hops: int) -> None:
    tone = np.concatenate([silence(0.2), piano_tone.notes(4.0, CONFIG.sample_rate), silence(0.2)])
    hop = np.zeros(CONFIG.hop_length, np.float32)
    bare = mel_of(tone)
    padded = mel_of(np.tile(hop, before_hops), tone, np.tile(hop, after_hops))
    bare_start, bare_stop = playing.span(bare, CONFIG)
    start, stop = playing.span(padded, CONFIG)
    assert (start, stop) == (bare_start + before_hops, bare_stop + before_hops)
    np.testing.assert_allclose(
        features.normalise(padded[start:stop], CONFIG),
        features.normalise(bare[bare_start:bare_stop], CONFIG),
        rtol=0,
        atol=1e-5,
    )


@FEW
@given(pause_s=st.floats(0, 8))
def test_a_pause_inside_the_playing_is_kept(pause_s: float) -> None:
    tone = piano_tone.notes(4.0, CONFIG.sample_rate)
    from_s, to_s = played_s(mel_of(tone, silence(pause_s), tone))
    assert from_s < 0.05
    assert to_s > 8.0 + pause_s - 0.1


@pytest.mark.parametrize("gain_db", [-40.0, -20.0, 0.0])
def test_soft_playing_is_playing(gain_db: float) -> None:
    soft = piano_tone.notes(4.0, CONFIG.sample_rate) * np.float32(10 ** (gain_db / 20))
    from_s, to_s = played_s(mel_of(soft))
    assert from_s < 0.05
    assert to_s > 3.9


def test_a_pianissimo_passage_at_the_end_is_kept() -> None:
    loud = piano_tone.notes(6.0, CONFIG.sample_rate)
    soft = piano_tone.notes(6.0, CONFIG.sample_rate, seed=8) * np.float32(10 ** (-40 / 20))
    _, to_s = played_s(mel_of(loud, soft))
    assert to_s > 11.5


@pytest.mark.parametrize("mel", [np.zeros((0, 96), np.float32), np.zeros((500, 96), np.float32)])
def test_silence_is_refused(mel: features.Frames) -> None:
    with pytest.raises(SilentRecording, match="nothing can be heard in the recording; check the microphone"):
        playing.span(mel, CONFIG)


@pytest.mark.parametrize("kind", surroundings.KINDS)
@pytest.mark.parametrize("gain_db", [0.0, -20.0])
def test_what_is_no_playing_before_and_after_it_does_not_count(
    kind: str, gain_db: float, rng: np.random.Generator
) -> None:
    gain = np.float32(10 ** (gain_db / 20))
    tone = piano_tone.notes(6.0, CONFIG.sample_rate)
    before, after = (gain * surroundings.KINDS[kind](seconds, CONFIG.sample_rate, rng) for seconds in (5.0, 4.0))
    from_s, to_s = played_s(mel_of(before, tone, after))
    # Within what it takes to tell: half a second, or three times that of a voice, and the width of a frame.
    beyond_s = 1.6 if kind == "talk" else 0.6
    assert from_s == pytest.approx(5.0, abs=beyond_s)
    assert to_s == pytest.approx(11.0, abs=beyond_s)


def test_neither_the_thumb_on_the_button_nor_a_hum_is_playing(rng: np.random.Generator) -> None:
    t = np.arange(12 * CONFIG.sample_rate) / CONFIG.sample_rate
    hum = np.array([np.sin(2 * np.pi * 50 * k * t) / k for k in (1, 2, 3, 5, 7)])
    recording = (0.001 * hum.sum(axis=0)).astype(np.float32)
    recording[: CONFIG.sample_rate // 10] += surroundings.rustle(0.1, CONFIG.sample_rate, rng)
    recording[3 * CONFIG.sample_rate : 9 * CONFIG.sample_rate] += piano_tone.notes(6.0, CONFIG.sample_rate)
    from_s, to_s = played_s(mel_of(recording))
    assert from_s == pytest.approx(3.0, abs=0.6)
    assert to_s == pytest.approx(9.0, abs=0.6)


@pytest.mark.parametrize("n_frames", [1, 2, 3, 4, 5, 24, 26, 250, 253, 254])
@pytest.mark.parametrize("has_tone", [False, True])
def test_any_length_has_a_span_within_it(n_frames: int, has_tone: bool, rng: np.random.Generator) -> None:
    mel = rng.uniform(0.5, 1.5, (n_frames, CONFIG.n_mels)).astype(np.float32)
    mel[:, 20] *= 1e4 if has_tone else 1.0
    start, stop = playing.span(mel, CONFIG)
    assert 0 <= start < stop <= n_frames


def test_where_nothing_has_a_pitch_all_that_is_heard_counts(rng: np.random.Generator) -> None:
    from_s, to_s = played_s(mel_of(silence(2.0), surroundings.applause(6.0, CONFIG.sample_rate, rng), silence(2.0)))
    assert from_s == pytest.approx(2.0, abs=0.1)
    assert to_s == pytest.approx(8.0, abs=0.1)


def coloured(duration_s: float, power: float, rng: np.random.Generator) -> Waveform:
    """Noise whose power falls with a power of the frequency."""
    n = round(duration_s * CONFIG.sample_rate)
    spectrum = np.fft.rfft(rng.standard_normal(n)) / np.maximum(np.arange(n // 2 + 1), 1) ** (power / 2)
    y = np.fft.irfft(spectrum, n)
    return np.asarray(0.3 * y / np.abs(y).max(), np.float32)


@pytest.mark.parametrize("power", [0.0, 1.0, 2.0])
def test_noise_of_any_colour_has_no_tones(power: float, rng: np.random.Generator) -> None:
    assert not playing.has_tones(mel_of(coloured(12.0, power, rng)), CONFIG)


def test_neither_clicks_nor_a_hum_have_tones(rng: np.random.Generator) -> None:
    t = np.arange(12 * CONFIG.sample_rate) / CONFIG.sample_rate
    hum = sum(np.sin(2 * np.pi * 50 * k * t) / k for k in (1, 2, 3)) + 0.05 * rng.standard_normal(len(t))
    clicks = np.where(t % 0.5 < 0.01, rng.standard_normal(len(t)), 0.0)
    for sound in (hum, clicks):
        assert not playing.has_tones(mel_of((0.2 * sound).astype(np.float32)), CONFIG)


@pytest.mark.parametrize("notes_per_s", [0.5, 4.0, 12.0])
@pytest.mark.parametrize("noise_below_db", [10.0, 60.0])
def test_notes_have_tones_slow_and_fast_and_in_noise(
    notes_per_s: float, noise_below_db: float, rng: np.random.Generator
) -> None:
    tone = piano_tone.notes(20.0, CONFIG.sample_rate, notes_per_s=notes_per_s)
    level_db = 10 * np.log10(np.mean(np.square(tone))) - noise_below_db
    assert playing.has_tones(mel_of(tone + noise(20.0, level_db, rng)), CONFIG)
