"""What a model's scores mean can be fitted anew: nothing that scores changes, nor what is told of flaws."""

import json
from pathlib import Path

import numpy as np
import pytest

import tiny_model
from pkai import artifact
from pkai.calibration import Calibration
from training.__main__ import main
from training.people import calibrate
from training.people.calibrate import Rated
from training.people.playback import SETTINGS, Setting
from training.people.rated import RatedPerformance

RATINGS = np.linspace(1.2, 4.8, 24)
PIECES = np.array(["a", "b", "c"] * 8)


def scores_in(setting: Setting) -> np.ndarray:
    """Scores that follow the ratings, a little otherwise in each setting."""
    noise = np.random.default_rng(list(SETTINGS.values()).index(setting)).standard_normal(len(RATINGS))
    return np.asarray(RATINGS - 3 + 0.3 * noise)


@pytest.fixture
def performances(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Rated performances, and what a model says of them in each setting, which takes minutes to render."""
    made = tuple(
        RatedPerformance(id=f"{n}", piece=str(piece), player="p", midi=tmp_path / "x.mid", ratings={"peer1": rating})
        for n, (piece, rating) in enumerate(zip(PIECES, RATINGS.tolist(), strict=True))
    )
    monkeypatch.setattr("training.people.rated.read", lambda _: made)
    monkeypatch.setattr("training.evaluation.evaluate.spans_s", lambda rated: np.arange(len(rated)))
    monkeypatch.setattr(
        "training.evaluation.evaluate.scores",
        lambda rated, root, name, cache, setting, *, n_workers: scores_in(setting),
    )
    return tmp_path


def test_ratings_odds_and_version_are_new_and_nothing_else(
    performances: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tiny_model.write(performances / "model")
    path = root / "pdr" / "manifest.json"
    before = json.loads(path.read_bytes())
    options = ["--name", "pdr", "--model-dir", str(root), "--version", "0.0.1"]
    assert main(["recalibrate", str(performances), *options]) == 0
    told, after = json.loads(capsys.readouterr().out), json.loads(path.read_bytes())
    of_all = [scores_in(SETTINGS[name]) for name in ("clean", "unheard instrument", "phone")]
    people = Rated(
        scores=np.concatenate(of_all),
        ratings=np.tile(RATINGS, 3),
        pieces=np.tile(PIECES, 3),
        names=np.tile(np.arange(24).astype(str), 3),
    )
    found = artifact.load(root / "pdr").manifest
    assert found.version == "0.0.1"
    assert isinstance(found.calibration, Calibration) and found.calibration == calibrate.fit(people)
    assert set(told["agreement"]) == set(SETTINGS)
    assert after["metrics"] == before["metrics"] | told
    assert after["training"]["calibrated_anew"]["version"] == before["version"]
    changed = {"version", "calibration", "metrics", "training"}
    assert {key: after[key] for key in after.keys() - changed} == {key: before[key] for key in before.keys() - changed}


def test_a_model_that_is_not_there_is_told(performances: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert main(["recalibrate", str(performances), "--model-dir", str(performances), "--version", "1"]) == 1
    assert "lacks" in caplog.text
