"""The commands that measure, in small: cross-validation, evaluation by seed, robustness, worse recordings, the card."""

import itertools
import json
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch

import piano_tone
import recording_files
from conftest import need
from made_performance import etude
from pkai.calibration import Calibration
from pkai.diagnosis import FamilyScale
from pkai.features import FeatureConfig
from pkai.segments import SegmentConfig
from training.__main__ import main
from training.ladder.flaws import FAMILIES
from training.model import export, weights
from training.model.export import MeanOfNetworks
from training.music.performance import write_midi
from training.networks.pairwise import build
from training.networks.ranker import NetworkConfig
from training.sound import instruments

PLAYERS = 6
TINY = NetworkConfig(base="tiny")
SCALE = FamilyScale(told_knots=(0.0, 1.0), severity_knots=(0.0, 1.0), some_from=0.2, much_from=0.5, cost=0.1)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`rated/` with two pieces by six players, the slower the worse; `model/pdr` of two networks that know nothing."""
    root = tmp_path_factory.mktemp("evaluation")
    need(any(each.name == "fluid-0" for each in instruments.available(root)), "fluid-soundfont-gm")
    lines = ["id,piece,midi,player,player_level,instructor1,instructor2,peer1"]
    for piece, player in itertools.product(range(2), range(PLAYERS)):
        midi = Path("midi") / f"{piece}-{player}.mid"
        (root / "rated" / "midi").mkdir(parents=True, exist_ok=True)
        write_midi(etude(20, gap_s=0.45 + 0.03 * player, seed=piece), root / "rated" / midi)
        ratings = [5 - 0.7 * player, 4.8 - 0.6 * player, max(1.0, 4.5 - 0.8 * player)]
        lines.append(",".join(map(str, [f"{piece}-{player}", f"piece{piece}", midi, player, "Any", *ratings])))
    (root / "rated" / "ratings.csv").write_text("\n".join(lines) + "\n")
    _write_model(root / "model")
    return root


def _write_model(root: Path) -> None:
    torch.manual_seed(3)
    mean = MeanOfNetworks([build(TINY, len(FAMILIES)).eval() for _ in range(2)], [0.0, 0.0], [1.0, 1.0])
    features, cut = FeatureConfig(), SegmentConfig(snippet_s=2.0, hop_s=1.0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's own, inside its exporter
        graph = export.to_onnx(mean, features, cut)
    calibration = Calibration(
        score_knots=(-1.0, 1.0), rating_knots=(0.0, 100.0), level_ratings=(20.0, 40.0, 60.0, 80.0),
        scale=0.1, tie_band=0.02, sigma_rating=5.0,
    )  # fmt: skip
    figure = {"value": 0.5, "low": 0.4, "high": 0.6, "n": 30}
    agreement = {"at_half": figure, "at_one": figure, "against_length": None, "spearman": 0.0}
    metrics = {"agreement": {"clean": agreement}, "expected_calibration_error": 0.1, "interval_coverage": 0.8}
    export.write(
        root / "pdr", graph, weights.pack(mean, TINY), name="pdr", version="0.0.1", features=features, cut=cut,
        calibration=calibration, diagnosis=dict.fromkeys(FAMILIES, SCALE), metrics=metrics,
        training={"run": {"n_steps": 0}, "seeds": [0, 1]},
    )  # fmt: skip


def step(place: Path, name: str, *arguments: str | Path) -> list[str]:
    cache = [] if name in ("card", "worsened") else ["--cache", place / "cache", "--workers", "1"]
    return [name, *map(str, [*arguments, *cache, "--model-dir", place / "model"])]


def read(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def test_cross_validation_tells_models_length_and_people_side_by_side(
    place: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    config = tmp_path / "scratch.yaml"
    config.write_text(
        "name: scratch\nsegments: {snippet_s: 2.0, hop_s: 2.0}\nnetwork: {base: tiny}\nn_excerpts: 2\nn_versions: 3\n"
    )
    out = place / "model" / "results" / "cv.json"
    arguments = step(
        place, "cv", place / "rated", "--model", "pdr", "--from-scratch", config, "--steps", "2", "--repeats", "2",
        "--out", out,
    )  # fmt: skip
    assert main(arguments) == 0
    table = capsys.readouterr().out
    for label in (
        "pdr 0.0.1, as it is",
        "pdr 0.0.1, last layer taught",
        "scratch, from scratch, 2 steps",
        "length alone",
    ):
        assert label in table
    assert "one rater against all others" in table
    found = read(out)
    length = found["judges"]["length alone"]
    assert length["at_half_splits"] == {"mean": 1.0, "sd": 0.0, "n": 2}  # the slower was rated worse
    assert length["spearman"] is None or length["spearman"]["mean"] == 1.0
    assert str(place) not in out.read_text() and found["command"].startswith("pkai-train cv DATA/rated --model pdr")
    kept = {path: path.stat().st_mtime_ns for path in (place / "cache" / "cv").rglob("*.json")}
    assert len(kept) == 4 * 2 * 3
    assert main(arguments) == 0  # nothing is learnt again
    assert kept == {path: path.stat().st_mtime_ns for path in (place / "cache" / "cv").rglob("*.json")}
    assert capsys.readouterr().out == table


@pytest.mark.parametrize("split", ["piece", "player"])
def test_cross_validation_splits_by_piece_and_player(
    split: str, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = step(
        place, "cv", place / "rated", "--model", "pdr", "--split", split, "--folds", "2", "--repeats", "1", "--json"
    )
    assert main(arguments) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["plan"] == {"split": split, "k": 2, "repeats": 1, "seed": 0}
    assert found["judges"]["length alone"]["at_half"]["value"] == 1.0


def test_all_weights_can_be_taught(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = step(
        place, "cv", place / "rated", "--model", "pdr", "--learn", "all-weights", "--steps", "2", "--split", "player",
        "--folds", "3", "--repeats", "1", "--json",
    )  # fmt: skip
    assert main(arguments) == 0
    assert "pdr 0.0.1, all weights taught" in json.loads(capsys.readouterr().out)["judges"]


def test_evaluation_tells_the_model_its_seeds_and_the_baselines(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = place / "model" / "results" / "agreement.json"
    arguments = step(
        place, "evaluate", place / "rated", "--model", "pdr", "--each-seed", "--handcrafted",
        "--settings", "clean", "tempo-equalised", "--out", out,
    )  # fmt: skip
    assert main(arguments) == 0
    table = capsys.readouterr().out
    assert "pdr 0.0.1, tempo-equalised: 2 seed(s)" in table and "handcrafted features, clean" in table
    found = read(out)
    row = found["judges"]["pdr 0.0.1"]["settings"]["clean"]
    assert row["over_seeds"]["at_half"]["n"] == 2
    assert row["agreement"]["at_half"]["n"] == 2 * PLAYERS * (PLAYERS - 1) // 2
    assert set(found["people"]["panels"]) == {"1", "2"} and len(found["people"]["instructors"]) == 2


def test_robustness_is_measured(
    place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(instruments, "SAMPLED_GRANDS", ())  # nothing is fetched here
    out = place / "model" / "results" / "robustness.json"
    arguments = step(
        place, "robustness", place / "rated", "--model", "pdr", "--performances", "1", "--conditions", "2", "--out", out
    )
    assert main(arguments) == 0
    assert "of a level" in capsys.readouterr().out
    found = read(out)
    moved = found["judges"]["pdr 0.0.1"]
    assert found["n_performances"] == 1 and moved["spread_share"] == pytest.approx(
        moved["spread_points"] / 20, abs=1e-4
    )
    assert moved["stereo"] == 0.0


def test_real_recordings_are_made_worse_and_counted(
    place: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    recording_files.write(tmp_path / "a.wav", piano_tone.notes(31.0, 22_050))
    out = place / "model" / "results" / "worsened.json"
    assert main(step(place, "worsened", tmp_path, "--model", "pdr", "--seeds", "1", "--out", out)) == 0
    shown = capsys.readouterr().out.splitlines()
    assert [line.partition(", all ")[0].partition(": pauses ")[0] for line in shown] == [
        "pdr 0.0.1: scored below the original",
        "pdr 0.0.1: worse in one passage, and weakest there",
    ]
    assert read(out)["judges"]["pdr 0.0.1"]["all"]["n"] == 4
    assert read(out)["judges"]["pdr 0.0.1"]["placed"]["all"]["n"] == 4
    assert main(step(place, "worsened", place / "rated", "--model", "pdr")) == 1  # no recording there


def test_the_card_is_written_from_what_was_measured(place: Path) -> None:
    assert main(step(place, "card")) == 0
    text = (place / "model" / "README.md").read_text()
    assert "## pdr 0.0.1" in text
    for path in (place / "model" / "results").glob("*.json"):
        assert f"Again: `{read(path)['command']}`" in text


def test_what_cannot_be_measured_is_told_on_one_line(place: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert main(step(place, "cv", place / "rated", "--model", "pdr", "--folds", "1")) == 1
    assert "cv: k is 1; it must be 2 or more" in caplog.text
    assert main(step(place, "cv", place / "nothing", "--model", "pdr")) == 1
    assert "holds no ratings.csv" in caplog.text
    assert main(step(place, "cv", place / "rated", "--model", "pdr", "--setting", "underwater")) == 1
    assert "no setting 'underwater'; there are: clean" in caplog.text
    assert main(step(place, "evaluate", place / "rated", "--checkpoints", "a", "b", "--heard-as-one", "2")) == 1
    assert "name it: --ladder FOLDER" in caplog.text
    three = ["--checkpoints", "a", "b", "c", "--heard-as-one", "2", "--ladder", "ladder"]
    assert main(step(place, "evaluate", place / "rated", *three)) == 1
    assert "3 checkpoints cannot be heard 2 at a time" in caplog.text
