"""What ships tells of levels in one voice: the bundled recordings, the references, and what the judge calls them."""

import itertools
from pathlib import Path

import pytest

from conftest import ROOT, need
from pkai.calibration import LEVELS
from pkai.scorer import Judge

MODELS = ROOT / "model"
BUNDLED = sorted((ROOT / "events" / "audio").glob("fur-elise-*"))


@pytest.fixture(scope="module", params=["apr", "pdr"])
def judge(request: pytest.FixtureRequest) -> Judge:
    need((MODELS / request.param / "manifest.json").is_file(), f"the shipped model {request.param}")
    return Judge.load(MODELS, request.param, n_threads=1)


@pytest.mark.parametrize("path", BUNDLED, ids=lambda path: path.stem)
def test_a_bundled_recording_is_called_what_its_name_says(judge: Judge, path: Path) -> None:
    assert judge.assess(path, piece="fur-elise").level == path.stem.split("-")[3]


@pytest.mark.parametrize("path", BUNDLED, ids=lambda path: path.stem)
def test_no_reference_of_a_lower_level_is_better_and_none_of_a_higher_worse(judge: Judge, path: Path) -> None:
    assessed = judge.assess(path, piece="fur-elise")
    own = LEVELS.index(assessed.level)
    for comparison in assessed.comparisons:
        above = LEVELS.index(comparison.reference.level) - own
        assert above == 0 or comparison.outcome in {"equivalent", "worse" if above > 0 else "better"}, comparison
    assert sum(comparison.outcome == "equivalent" for comparison in assessed.comparisons) <= 2


def test_a_reference_is_rated_at_its_level(judge: Judge) -> None:
    calibration = judge.manifest.calibration
    by_piece = itertools.groupby(judge.references, key=lambda reference: reference.piece)
    for piece, found in by_piece:
        ratings = {each.level: calibration.rating(each.scores[judge.manifest.sha256]) for each in found}
        assert list(ratings) == list(LEVELS), piece
        assert sorted(ratings.values()) == list(ratings.values()), piece
        best = ratings.pop("expert")  # without a flaw; the easiest piece lets nobody seem more than advanced
        assert calibration.level(best) in ("advanced", "expert"), piece
        assert {level: calibration.level(rating) for level, rating in ratings.items()} == {
            each: each for each in ratings
        }
