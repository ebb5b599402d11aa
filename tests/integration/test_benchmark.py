"""The benchmark measures what it says; how fast anything is, no test asserts."""

import json
import math
from pathlib import Path

import pytest

from benchmarks import run
from benchmarks.processes import run_python


@pytest.fixture
def results(model_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A results file of the shortest benchmark."""
    monkeypatch.setenv("PKAI_MODEL_DIR", str(model_root))
    path = tmp_path / "results.json"
    assert run.main(["--quick", "--only", "first-short", "--out", str(path)]) == 0
    return path


def test_a_quick_benchmark_records_both_sides_and_their_ratio(results: Path) -> None:
    recorded = json.loads(results.read_bytes())
    case = recorded["cases"]["first-short"]
    assert recorded["machine"]["cores"] >= 1
    assert set(recorded["versions"]) == {"python", *run.LIBRARIES}
    assert case["ratio"]["median"] == pytest.approx(case["reference"][0] / case["ours"][0])
    assert [path.name for path in results.parent.iterdir()] == ["results.json"]


def test_the_reference_design_gives_a_finite_score(tmp_path: Path) -> None:
    recording = tmp_path / "short.mp3"
    run_python("-m", "benchmarks.recordings", str(recording), "3")
    finished = run_python("-m", "benchmarks.reference_design", str(recording), "--repeat", "2")
    answer = json.loads(finished.answer)
    assert math.isfinite(answer["score"])
    assert len(answer["seconds"]) == 2


def test_a_program_that_fails_is_no_measurement() -> None:
    with pytest.raises(RuntimeError, match="exit code 3"):
        run_python("-c", "raise SystemExit(3)")


def test_the_table_gives_the_median_and_the_extremes() -> None:
    case = run.cases(Path(), run.Lengths())[0]
    result = run.Result(case=case, ours=[1.0, 2.0, 4.0], reference=[10.0, 10.0, 10.0])
    assert list(run.table([result]))[-1] == (
        "| Process that only imports | 2.00 (1.00..4.00) s | 10 (10..10) s | **5.00 (2.50..10.00) ×** |"
    )
