"""Any network's score of a recording is the service's score of it."""

import io
from pathlib import Path

import numpy as np
import pytest

import piano_tone
from pkai.scorer import Judge
from training.evaluation import consensus
from training.people.playback import heard, wav_bytes


def test_a_shipped_model_scores_as_the_service_does(model_root: Path) -> None:
    file = wav_bytes(piano_tone.notes(13.0, 22_050), 22_050)
    judge = Judge.load(model_root, "pdr", n_threads=1)
    scorer = consensus.of_model(model_root / "pdr")
    features = heard(io.BytesIO(file), scorer.features)
    hearing = judge.hear(io.BytesIO(file))
    np.testing.assert_array_equal(features, hearing.features)
    assert scorer.score(features) == pytest.approx(hearing.score, abs=1e-6)
    assert scorer.name == "pdr 0.0.0"
