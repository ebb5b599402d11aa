"""The benchmark measures what it says, and documents say what it measured; how fast anything is, no test asserts."""

import json
import math
import os
from pathlib import Path

import pytest

from benchmarks import formats, image, lengths, profile, publish, records, run, shares, starts
from benchmarks.processes import cores, run_python

CIRCUMSTANCES = {"machine": {"cpu": "AMD", "cores": 2}, "model": "pdr 1.0", "versions": dict.fromkeys(
    ("python", *records.LIBRARIES), "1"
)}  # fmt: skip


@pytest.fixture
def tiny(model_root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Judge with the tiny model, in every process."""
    monkeypatch.setenv("PKAI_MODEL_DIR", str(model_root))


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """Ten seconds of the made-up piece."""
    path = tmp_path / "short.mp3"
    run_python("-m", "benchmarks.recordings", str(path), "10")
    return path


@pytest.mark.usefixtures("tiny")
def test_a_quick_benchmark_records_each_part_that_is_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run.main(["--quick", "--only", "formats", "image", "--image", "no-such-image", "--out", str(tmp_path)]) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["formats.json"], "of an image that is not there nothing is"
    recorded = records.read("formats", tmp_path)
    assert recorded["machine"]["cores"] >= 1
    assert set(recorded["versions"]) == {"python", *records.LIBRARIES}
    assert [row["suffix"] for row in recorded["rows"]] == list(formats._TITLES)
    assert "| WAV | 1.8 MB |" in capsys.readouterr().out


@pytest.mark.usefixtures("tiny")
def test_the_profile_has_every_stage_and_its_whole(recording: Path) -> None:
    measured = profile.measure(recording, repeat=1)
    floors = {stage["name"]: stage["floor_s"] for stage in measured["stages"]}
    assert [name for name, floor_s in floors.items() if floor_s] == [
        "decode and resample",
        "features",
        "chroma",
        "network",
    ]
    whole = measured["whole"]
    assert whole["floor_s"] == pytest.approx(sum(floor_s for floor_s in floors.values() if floor_s))
    assert whole["times_floor"] == pytest.approx(whole["seconds"] / whole["floor_s"])
    assert list(profile.table(measured))[-1].startswith("| **a whole warm assessment** |")


def test_the_reference_design_gives_a_finite_score(recording: Path) -> None:
    finished = run_python("-m", "benchmarks.reference_design", str(recording), "--repeat", "2")
    answer = json.loads(finished.answer)
    assert math.isfinite(answer["score"])
    assert len(answer["seconds"]) == 2


def test_a_program_that_fails_is_no_measurement() -> None:
    with pytest.raises(RuntimeError, match="exit code 3"):
        run_python("-c", "raise SystemExit(3)")


def test_a_process_runs_on_as_many_cores_as_it_is_given() -> None:
    before = os.sched_getaffinity(0)
    with cores(1):
        assert run_python("-c", "import os; print(len(os.sched_getaffinity(0)))").answer == "1\n"
    assert os.sched_getaffinity(0) == before


def test_starts_are_told_by_median_extremes_and_the_ratio_of_neighbours() -> None:
    row = {"title": "import", "n_cores": 2, "ours_s": [1.0, 2.0, 4.0], "reference_s": [10.0, 10.0, 10.0]}
    assert list(starts.table({"rows": [row]}))[-1] == (
        "| import | 2.00 (1.00..4.00) s | 10 (10..10) s | **5.00 (2.50..10.00) ×** |"
    )


def test_a_length_that_the_reference_design_was_spared_has_no_ratio() -> None:
    ours = {"wall_s": 2.0, "cpu_s": 1.0, "peak_mb": 100.0}
    rows = [
        {"length_s": 60.0, "ours": ours, "reference": {"wall_s": 20.0, "peak_mb": 900.0}},
        {"length_s": 1200.0, "ours": ours, "reference": None},
    ]
    _, _, compared, alone = lengths.table({"rows": rows})
    assert compared == "| 1 min | 1.00 s | 1.00 s | 20.0 s | **10 ×** | 100 MB | 900 MB | $0.0232 |"
    assert alone == "| 20 min | 1.00 s | 0.05 s |  |  | 100 MB |  | $0.0232 |"


def test_the_init_phase_is_what_the_emulator_logs() -> None:
    assert shares._init_s("START\n(rapid) INIT REPORT(durationMs: 1339.850000)\n") == pytest.approx(1.33985)
    with pytest.raises(RuntimeError, match="does not tell how long the init phase took: START"):
        shares._init_s("START")


def test_a_share_is_told_with_what_it_answers_and_costs() -> None:
    row = {"vcpus": 1, "memory_mb": 1769, "init_s": [1.0], "first_s": [1.5], "warm_s": [0.5]}
    assert list(shares.table({"length_s": 30, "rows": [row]}))[-1] == (
        "| 1 | 1769 MB | 1.00 s | 1.50 s | 0.50 s | 120 | $0.0117 |"
    )


def test_the_layers_on_the_base_are_added_up() -> None:
    layers = [
        {"title": title, "of_base": title == "base", "unpacked_bytes": 2_000_000, "compressed_bytes": 1_000_000}
        for title in ("base", "packages", "P-KAI and its models")
    ]
    told = list(image.table({"layers": layers, "reference": layers[0]}))
    assert told[2:6] == [
        "| base | 2 MB | 1 MB |",
        "| packages | 2 MB | 1 MB |",
        "| P-KAI and its models | 2 MB | 1 MB |",
        "| **all on top of the base** | 4 MB | 2 MB |",
    ]


def test_a_table_takes_the_place_of_the_one_before(tmp_path: Path) -> None:
    row = {"title": "import", "n_cores": 2, "ours_s": [1.0], "reference_s": [10.0]}
    (tmp_path / "starts.json").write_text(json.dumps({**CIRCUMSTANCES, "rows": [row]}))
    renewed = publish.with_tables("a\n<!-- benchmark: starts -->\nold\n<!-- /benchmark -->\nb\n", tmp_path)
    assert "| import | 1.00 s | 10 s | **10 ×** |" in renewed
    assert "old" not in renewed
    assert renewed.startswith("a\n") and renewed.endswith("-->\nb\n")
    assert publish.with_tables(renewed, tmp_path) == renewed


@pytest.mark.parametrize("document", publish.DOCUMENTS, ids=lambda path: path.name)
def test_the_documents_say_what_was_measured(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    assert "<!-- benchmark: " in text
    assert text == publish.with_tables(text), "python -m benchmarks.publish renews them"
