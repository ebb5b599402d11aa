"""No played part is dropped, and every one counts as it should."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from pkai import segments
from pkai.errors import RecordingTooShort
from pkai.features import FeatureConfig
from pkai.segments import SegmentConfig

CONFIG = FeatureConfig()


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
