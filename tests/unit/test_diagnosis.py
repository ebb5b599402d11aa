"""A scale turns what the network tells into severities and words; a diagnosis says where, in a teacher's words."""

import dataclasses
from typing import Any

import numpy as np
import pytest

from pkai import advice, diagnosis, hearing
from pkai.artifact import Manifest
from pkai.assessment import Finding, RecordingFacts, Stretch
from pkai.calibration import Calibration
from pkai.diagnosis import FAMILIES, FamilyScale
from pkai.features import FeatureConfig
from pkai.findings import findings
from pkai.hearing import Hearing
from pkai.segments import SegmentConfig

KNOTS: dict[str, Any] = {"told_knots": (0.1, 0.3, 0.5), "severity_knots": (0.0, 0.2, 1.0)}


def scale(**changes: Any) -> FamilyScale:
    return FamilyScale(**{**KNOTS, "some_from": 0.2, "much_from": 0.6, "cost": 0.5, **changes})


def test_severity_is_linear_between_knots_and_level_outside() -> None:
    told = np.array([[0.0, 0.1, 0.2], [0.4, 0.5, 9.0]])
    np.testing.assert_allclose(scale().severity(told), [[0, 0, 0.1], [0.6, 1, 1]])


def test_flaws_cost_what_their_severities_do_together() -> None:
    told = np.array([[0.1, 0.3, 0.5], [0.1, 0.5, 0.5]])
    np.testing.assert_allclose(diagnosis.cost(told, [scale(), scale(cost=2.0)]), [0.0, 0.5 * 0.2 + 2.0, 0.5 + 2.0])


@pytest.mark.parametrize(
    ("severity", "word"), [(0.0, "none"), (0.19, "none"), (0.2, "some"), (0.6, "much"), (5, "much")]
)
def test_a_severity_is_told_in_a_word(severity: float, word: str) -> None:
    assert scale().extent(severity) == word


def test_a_family_of_which_no_word_is_ever_said_is_not_judged() -> None:
    assert scale().judged and scale(some_from=1.0, much_from=2.0).judged
    assert not scale(some_from=100.0, much_from=200.0).judged
    found = told(0.0, 3.0, scale=dataclasses.replace(PLAIN, some_from=100.0, much_from=200.0))
    assert (found.extent, found.judged) == ("none", False)
    assert found.sentence == "Hesitation: not judged, for it is not heard well enough."
    assert told(0.0, 0.0).judged


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"told_knots": (0.1,), "severity_knots": (0.0,)}, "two or more"),
        ({"told_knots": (0.1, 0.2)}, "equal length"),
        ({"told_knots": (0.1, 0.1, 0.2)}, "told_knots must ascend"),
        ({"severity_knots": (0.0, 0.5, 0.4)}, "never fall"),
        ({"some_from": 0.0}, "some_from must be positive"),
        ({"much_from": 0.2}, "much_from above it"),
        ({"cost": -0.1}, "must not be negative"),
    ],
)
def test_a_scale_that_makes_no_sense_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        scale(**changes)


PLAIN = FamilyScale(told_knots=(0.0, 10.0), severity_knots=(0.0, 10.0), some_from=0.2, much_from=1.0, cost=0.1)
POINT_FRAMES = 200


def told(*over_time: float, family: str = "hesitation", scale: FamilyScale = PLAIN) -> Finding:
    """What is found where so much is told of one family at each point of the timeline, 4 s apart."""
    local = np.repeat(np.array([over_time]), POINT_FRAMES, axis=1)
    n_frames = local.shape[1]
    heard = Hearing(
        recording=RecordingFacts(
            duration_s=n_frames / 50 + 10, played_from_s=10.0, played_to_s=10 + n_frames / 50, codec="", sample_rate=1,
            channels=1,
        ),
        features=np.zeros((n_frames, 1), np.float32), frames_per_s=50, starts=np.zeros(1, np.int64), snippet_frames=400,
        moments=3, edges=hearing.timeline_edges(n_frames, POINT_FRAMES), snippet_scores=np.full(1, -1.0),
        local_score=np.zeros(n_frames), local_attention=np.ones(n_frames), local_flaws=local, damaged_packets=0,
    )  # fmt: skip
    manifest = Manifest(
        name="pdr", version="1", sha256="", features=FeatureConfig(), segments=SegmentConfig(), families=(family,),
        diagnosis=(scale,), metrics={},
        calibration=Calibration(
            score_knots=(-2, 0), rating_knots=(0, 100), level_ratings=(20, 40, 60, 80), scale=1, tie_band=0,
            sigma_rating=5,
        ),
    )  # fmt: skip
    (finding,) = findings(heard, manifest)
    return finding


def test_a_stop_in_one_place_is_found_there_and_told_with_its_time() -> None:
    finding = told(0, 0, 3, 0, 0, 0)
    assert finding.extent == "some" and finding.severity == pytest.approx(0.5)
    assert finding.cost == pytest.approx(0.5 * PLAIN.cost * 50)  # 50 points of rating for each of score
    assert finding.over_time == pytest.approx((0, 0, 3, 0, 0, 0))
    assert finding.passages == (Stretch(start_s=18.0, end_s=22.0),)
    assert finding.sentence.startswith("Hesitation: some. The playing halts now and then around 0:20: practise")


def test_neighbouring_stretches_are_one_passage_told_from_beginning_to_end() -> None:
    finding = told(0, 3, 4, 3, 0, 0, 0)
    assert finding.extent == "much"
    assert finding.passages == (Stretch(start_s=14.0, end_s=26.0),)
    assert "from 0:14 to 0:26: " in finding.sentence


def test_of_many_passages_the_three_worst_are_told_in_their_order() -> None:
    finding = told(5, 0, 3, 0, 6, 0, 0, 4, 0, 0)
    assert [passage.start_s for passage in finding.passages] == [10.0, 26.0, 38.0]
    assert "most of all around 0:12, 0:28 and 0:40: " in finding.sentence


def test_a_flaw_that_is_everywhere_has_no_place() -> None:
    finding = told(0.5, 0.5, 0.55, 0.5, 0.5, 0.5, family="dynamics")
    assert (finding.extent, finding.passages) == ("some", ())
    assert " throughout: " in finding.sentence


def test_where_there_is_none_no_place_is_claimed() -> None:
    finding = told(0, 0.3, 0, 0, 0, 0, 0)
    assert (finding.extent, finding.passages) == ("none", ())
    assert finding.sentence == "Hesitation: it flows."


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("extent", ["none", "some", "much"])
def test_every_family_has_a_short_sentence_of_its_own_for_every_extent(family: str, extent: Any) -> None:
    said = advice.sentence(family, extent, [(0, 4), (8, 12), (16, 20)])
    assert said.startswith(family.capitalize() + ": ") and said.endswith(".")
    assert len(said) < 200 and "{" not in said
    others = {advice.sentence(other, extent, []).partition(": ")[2] for other in FAMILIES if other != family}
    assert advice.sentence(family, extent, []).partition(": ")[2] not in others


def test_times_of_long_and_short_passages_are_told_in_one_breath() -> None:
    said = advice.sentence("notes", "some", [(0, 4), (8, 20), (30, 34)])
    assert "most of all around 0:02, from 0:08 to 0:20 and around 0:32: " in said
