"""Results are read as they were written, tell how to get them again, and make a card in which nothing is made up."""

import json
import logging
from pathlib import Path
from typing import Any

import pytest

from training.evaluation import card, results
from training.evaluation.evaluate import Agreement, Spread
from training.held_out.cross_validation import Figures, Plan
from training.metrics import Estimate

ESTIMATE = Estimate(value=0.87664321, low=0.7, high=0.95, n=199)
SPREAD = Spread(mean=0.8512, sd=0.0213, n=3)
AGREEMENT = Agreement(
    at_half=ESTIMATE,
    at_one=ESTIMATE,
    against_length=None,
    spearman=0.6,
    kendall=0.5,
    outcomes=0.55,
    calibration_error=0.04,
)
PEOPLE = {"panels": {"1": Estimate(value=0.8188, low=0.76, high=0.86, n=235)}, "instructors": {"instructor1": ESTIMATE}}


def manifest(root: Path, name: str) -> None:
    figure = {"value": 0.82, "low": 0.7, "high": 0.9, "n": 199}
    agreement = {"at_half": figure, "at_one": figure, "against_length": figure, "spearman": 0.6}
    content = {
        "name": name,
        "version": "1.2.3",
        "sha256": "abc",
        "calibration": {"sigma_rating": 20.0},
        "training": {"seeds": [0, 1, 2], "run": {"n_steps": 1300}},
        "metrics": {
            "agreement": {"clean": agreement},
            "expected_calibration_error": 0.03,
            "interval_coverage": 0.8,
            "diagnosis": {"spearman": {"timing": 0.71}, "n": 834},
        },
    }
    (root / name).mkdir(parents=True)
    (root / name / "manifest.json").write_text(json.dumps(content))


def cross_validated(name: str, mean: float) -> dict[str, Any]:
    spread = Spread(mean=mean, sd=0.03, n=10)
    figures = Figures(
        at_half=ESTIMATE, at_one=ESTIMATE, at_half_splits=spread, at_one_splits=spread, outcomes=SPREAD,
        kendall=SPREAD, spearman=None, calibration_error=0.06,
    )  # fmt: skip
    return {
        "plan": Plan(), "setting": "clean", "n_recordings": 55, "n_pieces": 5, "people": PEOPLE["panels"],
        "judges": {f"{name} 1.2.3, as it is": figures},
    }  # fmt: skip


def test_what_was_written_is_read_in_the_order_of_names_and_rounded(tmp_path: Path) -> None:
    results.write(tmp_path / "b.json", "one", "pkai-train x", {"figure": ESTIMATE, "share": 1 / 3})
    results.write(tmp_path / "a.json", "two", "pkai-train y", {})
    first, second = results.read(tmp_path)
    assert (first["kind"], second["kind"], second["command"]) == ("two", "one", "pkai-train x")
    assert second["figure"] == {"value": 0.876643, "low": 0.7, "high": 0.95, "n": 199}
    assert second["share"] == 0.333333
    assert results.read(tmp_path / "nothing") == []


@pytest.mark.parametrize(("content", "message"), [("{", "is not JSON"), ('{"schema": 7}', "no result of schema 1")])
def test_a_damaged_result_is_refused_by_name(content: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "bad.json").write_text(content)
    with pytest.raises(ValueError, match=rf"bad\.json .*{message}|bad\.json is {message}"):
        results.read(tmp_path)


def test_a_command_names_no_machine(tmp_path: Path) -> None:
    line = results.command_line(
        "cv",
        tmp_path / "expert-novice",
        {"model": ["pdr", "apr"], "seed": 0, "pieces": None, "each-seed": True, "x": False},
    )
    assert line == "pkai-train cv DATA/expert-novice --model pdr apr --seed 0 --each-seed"
    line = results.command_line("precision", tmp_path / "ladder", {}, within="cache")
    assert line == "pkai-train precision cache/ladder"


def test_the_card_tells_every_result_with_people_and_its_command_beside_it(tmp_path: Path) -> None:
    for name in ("pdr", "apr"):
        manifest(tmp_path, name)
    folder = tmp_path / results.FOLDER
    judges = {
        "pdr 1.2.3": {
            "settings": {"phone": {"agreement": AGREEMENT, "over_seeds": {"at_half": SPREAD, "at_one": SPREAD,
                                                                          "spearman": SPREAD, "kendall": SPREAD}}},
            "ladder": ESTIMATE,
        }
    }  # fmt: skip
    figures = {"n_performances": 55, "pieces": ["A", "B"], "judges": judges, "people": PEOPLE,
               "baselines": {"length alone": {"clean": AGREEMENT}}}  # fmt: skip
    results.write(folder / "agreement.json", "agreement", "pkai-train evaluate DATA/x", figures)
    results.write(folder / "cv-pdr.json", "cross-validation", "pkai-train cv DATA/x", cross_validated("pdr", 0.84))
    results.write(folder / "cv-apr.json", "cross-validation", "pkai-train cv DATA/x", cross_validated("apr", 0.86))
    text = card.write(tmp_path)
    assert "| **pdr 1.2.3** | phone | 87.7% (70% to 95%, n=199) |" in text
    assert "| pdr 1.2.3, mean of 3 seed(s) | phone | 85.1% ± 2.1 |" in text
    assert "| length alone | clean |" in text
    assert text.count("one rater against all others") == 3  # beside the figures of each table
    assert "That is **apr**" in text and "pdr 84.0% ± 3.0; apr 86.0% ± 3.0" in text.replace(
        "apr 86.0% ± 3.0; pdr 84.0% ± 3.0", "pdr 84.0% ± 3.0; apr 86.0% ± 3.0"
    )
    assert "Again: `pkai-train evaluate DATA/x`" in text
    assert "timing 0.71" in text and "seed(s) 0, 1, 2" in text
    columns = [line.count("|") for line in text.splitlines() if line.startswith("| **pdr")]
    head = next(line for line in text.splitlines() if line.startswith("| judge | setting"))
    assert columns == [head.count("|")]


def test_what_was_not_measured_is_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    manifest(tmp_path, "pdr")
    text = card.write(tmp_path)
    assert "Cross-validation" not in text and "default" not in text and "made worse" not in text
    results.write(tmp_path / results.FOLDER / "x.json", "horoscope", "pkai-train stars", {})
    with caplog.at_level(logging.WARNING):
        assert card.write(tmp_path) == text
    assert "no section for results of kind 'horoscope'" in caplog.text


def test_robustness_worsened_and_ablation_have_their_tables(tmp_path: Path) -> None:
    manifest(tmp_path, "pdr")
    folder = tmp_path / results.FOLDER
    moved = {
        "spread_points": 3.1,
        "spread_share": 0.155,
        "level": 0.01,
        "sample_rate": 0.4,
        "stereo": 0,
        "silence": 0.2,
    }
    results.write(
        folder / "a.json", "robustness", "pkai-train robustness DATA/x",
        {"n_performances": 10, "n_conditions": 10, "judges": {"pdr 1.2.3": moved}},
    )  # fmt: skip
    counted = {"right": 9, "n": 10}
    results.write(
        folder / "b.json", "worsened", "pkai-train worsened DATA/y",
        {"judges": {"pdr 1.2.3": {"all": {"right": 36, "n": 40}, "kinds": {"pauses": counted, "repeats": counted},
                                  "placed": {"all": {"right": 7, "n": 20}, "kinds": {"pauses": counted}}}}},
    )  # fmt: skip
    results.write(
        folder / "c.json", "ablation", "pkai-train ablate DATA/x",
        {"runs": {"without rhythm": {"seeds": 3, "settings": {"clean": {"at_half": SPREAD}}, "ladder": SPREAD}},
         "people": PEOPLE["panels"]},
    )  # fmt: skip
    text = card.write(tmp_path)
    assert "| pdr 1.2.3 | 3.10 | 0.15 | 0.01 | 0.40 | 0.00 | 0.20 |" in text
    assert "| pdr 1.2.3 | 36 of 40 (90%) | 9 of 10 (90%) | 9 of 10 (90%) |" in text
    assert "third of the timeline in 7 of 20 (35%); pauses 9 of 10 (90%)" in text
    assert "| without rhythm | 3 | 85.1% ± 2.1 | 85.1% ± 2.1 |" in text


def test_a_folder_without_a_model_is_no_card(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="holds no model; export one first"):
        card.write(tmp_path)
