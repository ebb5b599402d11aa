"""No played part is dropped, and what was not played does not count."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import piano_tone
from pkai import features, segments
from pkai.errors import RecordingTooShort, SilentRecording
from pkai.features import FeatureConfig
from pkai.segments import SegmentConfig

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
    start, stop = segments.played_span(mel)
    return start / CONFIG.frames_per_s, stop / CONFIG.frames_per_s


@given(n_frames=st.integers(1, 5000), snippet_frames=st.integers(1, 600), hop_frames=st.integers(1, 600))
def test_every_played_frame_is_covered(n_frames: int, snippet_frames: int, hop_frames: int) -> None:
    assume(snippet_frames <= n_frames and hop_frames <= snippet_frames)
    starts = segments.dense_starts(n_frames, snippet_frames, hop_frames)
    covered = np.zeros(n_frames, bool)
    for start in starts:
        assert 0 <= start <= n_frames - snippet_frames
        covered[start : start + snippet_frames] = True
    assert covered.all()
    assert starts[0] == 0
    assert starts[-1] == n_frames - snippet_frames
    assert (np.diff(starts) > 0).all()
    assert (np.diff(starts) <= hop_frames).all()


def test_one_snippets_worth_is_one_snippet() -> None:
    assert segments.dense_starts(400, 400, 200).tolist() == [0]


def test_one_frame_more_is_two_snippets() -> None:
    assert segments.dense_starts(401, 400, 200).tolist() == [0, 1]


@given(
    n_frames=st.integers(1, 5000),
    snippet_frames=st.integers(1, 600),
    n_segments=st.integers(1, 30),
    seed=st.none() | st.integers(0, 2**32 - 1),
)
def test_one_snippet_is_drawn_from_each_segment(
    n_frames: int, snippet_frames: int, n_segments: int, seed: int | None
) -> None:
    assume(snippet_frames <= n_frames)
    rng = None if seed is None else np.random.default_rng(seed)
    starts = segments.sparse_starts(n_frames, snippet_frames, n_segments, rng)
    span = n_frames - snippet_frames
    edges = np.arange(n_segments + 1) / n_segments * span
    assert len(starts) == n_segments
    assert (starts >= np.floor(edges[:-1])).all()
    assert (starts <= np.ceil(edges[1:])).all()
    assert starts.min() >= 0
    assert starts.max() <= span


def test_without_a_generator_the_middle_of_each_segment_is_taken() -> None:
    assert segments.sparse_starts(500, 100, 4).tolist() == [50, 150, 250, 350]


@pytest.mark.parametrize("n_frames", [0, 99])
def test_starts_in_less_than_one_snippet_are_refused(n_frames: int) -> None:
    with pytest.raises(ValueError, match=f"{n_frames} frames hold no snippet of 100"):
        segments.dense_starts(n_frames, 100, 50)
    with pytest.raises(ValueError, match=f"{n_frames} frames hold no snippet of 100"):
        segments.sparse_starts(n_frames, 100, 3)


def test_cut_gives_the_frames_from_each_start(rng: np.random.Generator) -> None:
    frames = rng.normal(size=(300, 7)).astype(np.float32)
    starts = np.array([0, 13, 200])
    cut = segments.cut(frames, starts, 100)
    assert cut.shape == (3, 100, 7)
    for k, start in enumerate(starts):
        np.testing.assert_array_equal(cut[k], frames[start : start + 100])


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
        spans = {segments.played_span(mel_of(recording * np.float32(gain))) for gain in (1.0, 0.1, 0.01)}
        assert len(spans) == 1


@FEW
@given(before_hops=st.integers(10, 200), after_hops=st.integers(10, 200))
def test_silence_around_the_playing_does_not_move_its_features(before_hops: int, after_hops: int) -> None:
    tone = np.concatenate([silence(0.2), piano_tone.notes(4.0, CONFIG.sample_rate), silence(0.2)])
    hop = np.zeros(CONFIG.hop_length, np.float32)
    bare = mel_of(tone)
    padded = mel_of(np.tile(hop, before_hops), tone, np.tile(hop, after_hops))
    bare_start, bare_stop = segments.played_span(bare)
    start, stop = segments.played_span(padded)
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
        segments.played_span(mel)


def test_too_short_a_recording_is_told_its_length_and_what_is_needed() -> None:
    with pytest.raises(RecordingTooShort, match=r"recording is 3\.2 s; at least 8\.0 s is needed"):
        segments.refuse_too_short(160, 400, CONFIG, duration_s=3.2)


def test_too_little_playing_in_a_long_recording_is_told_apart() -> None:
    with pytest.raises(RecordingTooShort, match=r"only 3\.2 s of the recording is playing; at least 8\.0 s is needed"):
        segments.refuse_too_short(160, 400, CONFIG, duration_s=60.0)


def test_enough_playing_is_not_refused() -> None:
    segments.refuse_too_short(400, 400, CONFIG, duration_s=8.0)


@pytest.mark.parametrize(("snippet_s", "hop_s"), [(8.0, 0.0), (8.0, 8.1), (0.0, 0.0)])
def test_a_hop_that_would_leave_gaps_is_refused(snippet_s: float, hop_s: float) -> None:
    with pytest.raises(ValueError, match=f"hop_s is {hop_s}; it must lie in 0..snippet_s={snippet_s}"):
        SegmentConfig(snippet_s=snippet_s, hop_s=hop_s)


def test_a_snippet_is_counted_in_frames_of_its_front_end() -> None:
    assert SegmentConfig(snippet_s=8.0).snippet_frames(CONFIG) == 400


def test_a_score_of_no_moment_is_refused() -> None:
    with pytest.raises(ValueError, match="moments is 0; it must be 1 or more"):
        SegmentConfig(moments=0)
