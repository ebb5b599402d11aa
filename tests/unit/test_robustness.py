"""What should not matter is changed, and how far the rating moves is told in points and in levels."""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import piano_tone
from pkai import audio
from pkai.calibration import Calibration
from pkai.features import FeatureConfig, Frames
from pkai.segments import SegmentConfig
from training.evaluation import robustness
from training.evaluation.consensus import Scorer
from training.evaluation.robustness import Versions
from training.people.playback import SAMPLE_RATE
from training.people.rated import RatedPerformance

CALIBRATION = Calibration(
    score_knots=(0.0, 1.0),
    rating_knots=(0.0, 100.0),
    level_ratings=(20.0, 40.0, 60.0, 80.0),
    scale=1.0,
    tie_band=0.0,
    sigma_rating=1.0,
)


def mean_of(snippets: Frames) -> np.ndarray:
    return np.asarray(snippets.mean(axis=(1, 2)), np.float64)


def scorer(snippet_scores: Callable[[Frames], np.ndarray] = mean_of) -> Scorer:
    cut = SegmentConfig(snippet_s=0.2, hop_s=0.1)
    return Scorer(name="mean", features=FeatureConfig(), cut=cut, snippet_scores=snippet_scores)


def recording(value: float) -> Frames:
    return np.full((20, 96), value, np.float32)


def test_the_spread_is_over_conditions_and_the_change_is_the_greatest() -> None:
    first = Versions(
        conditions=[recording(0.4), recording(0.6)],
        clean=recording(0.5),
        files={
            "level": [recording(0.5), recording(0.52)],
            "sample_rate": [recording(0.5)],
            "stereo": [recording(0.5)],
            "silence": [recording(0.5)],
            "noises": [recording(0.5), recording(0.45)],
        },
    )
    second = Versions(
        conditions=[recording(0.5), recording(0.5)],
        clean=recording(0.5),
        files={**first.files, "level": [recording(0.47)]},
    )
    found = robustness.measured(scorer(), CALIBRATION, [first, second])
    assert found.spread_points == pytest.approx(np.sqrt((200 + 0) / 2), rel=1e-3)  # 40 and 60: variance 200
    assert found.spread_share == pytest.approx(found.spread_points / 20)
    assert found.level == pytest.approx(3.0, abs=0.01)
    assert found.noises == pytest.approx(5.0, abs=0.01)
    assert found.sample_rate == found.stereo == found.silence == pytest.approx(0.0, abs=1e-4)


def test_other_files_hold_the_same_sound() -> None:
    sound = piano_tone.notes(2.0, SAMPLE_RATE)
    files = robustness.files_of(sound)
    assert {what: len(made) for what, made in files.items()} == {
        "level": 2, "sample_rate": 3, "stereo": 1, "silence": 1, "noises": 8
    }  # fmt: skip

    def decoded(content: bytes) -> np.ndarray:
        return audio.decode(io.BytesIO(content), sample_rate=SAMPLE_RATE)

    np.testing.assert_allclose(decoded(files["level"][1]), sound * 0.01, atol=1e-6)
    stereo = decoded(files["stereo"][0])  # two channels in one are louder, which is no matter
    np.testing.assert_allclose(stereo / stereo.std(), sound / sound.std(), atol=1e-4)
    padded = decoded(files["silence"][0])
    assert len(padded) == len(sound) + 20 * SAMPLE_RATE and not padded[: 10 * SAMPLE_RATE].any()
    for amid in map(decoded, files["noises"]):
        assert len(amid) == len(sound) + 10 * SAMPLE_RATE and amid[: 5 * SAMPLE_RATE].any()
        played = amid[5 * SAMPLE_RATE : -5 * SAMPLE_RATE]  # all of it is softer where a clap would not fit
        np.testing.assert_allclose(played / played.std(), sound / sound.std(), atol=1e-3)
    resampled = decoded(files["sample_rate"][0])
    n = min(len(resampled), len(sound))  # resampling may lose or add some samples at the end
    assert n > len(sound) - 100 and np.corrcoef(resampled[:n], sound[:n])[0, 1] > 0.99


def test_performances_are_chosen_evenly_and_once() -> None:
    rated = [
        RatedPerformance(id=f"{i:02}", piece="a", player="p", midi=Path("x.mid"), ratings={}) for i in range(20, 0, -1)
    ]
    assert [each.id for each in robustness.chosen(rated, 3)] == ["01", "10", "20"] or [
        each.id for each in robustness.chosen(rated, 3)
    ] == ["01", "11", "20"]
    assert len(robustness.chosen(rated, 50)) == 20
