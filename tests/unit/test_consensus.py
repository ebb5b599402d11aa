"""Any network's score of a recording is the service's score of it."""

import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import piano_tone
from pkai.features import FeatureConfig
from pkai.scorer import Judge
from pkai.segments import SegmentConfig
from training import consensus
from training.playback import heard, wav_bytes


@given(n_frames=st.integers(50, 400), snippet_s=st.floats(0.3, 1.0), share=st.floats(0.2, 1.0))
def test_every_played_frame_counts_once(n_frames: int, snippet_s: float, share: float) -> None:
    features, cut = FeatureConfig(), SegmentConfig(snippet_s=snippet_s, hop_s=snippet_s * share)
    starts = consensus.dense_starts(n_frames, features, cut)
    weights = consensus.snippet_weights(starts, cut.snippet_frames(features), n_frames)
    assert weights.sum() == pytest.approx(1.0)
    assert weights.min() > 0


def test_snippets_that_share_frames_share_their_weight() -> None:
    # Frames 0..9 and 5..14 of fifteen: five frames are heard by both.
    np.testing.assert_allclose(consensus.snippet_weights(np.array([0, 5]), 10, 15), [0.5, 0.5])
    np.testing.assert_allclose(consensus.snippet_weights(np.array([0, 1, 11]), 10, 21), np.array([5.5, 5.5, 10]) / 21)


def test_a_shipped_model_scores_as_the_service_does(model_root: Path) -> None:
    file = wav_bytes(piano_tone.notes(13.0, 22_050), 22_050)
    judge = Judge.load(model_root, "pdr", n_threads=1)
    scorer = consensus.of_model(model_root / "pdr")
    features = heard(io.BytesIO(file), scorer.features)
    hearing = judge.hear(io.BytesIO(file))
    np.testing.assert_array_equal(features, hearing.features)
    assert scorer.score(features) == pytest.approx(hearing.score, abs=1e-6)
    assert scorer.name == "pdr 0.0.0"
