"""From a folder of recordings and a table of pairs to a model of one's own, by the commands of docs/datasets.md."""

import hashlib
import itertools
import json
import os
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
import torch

from conftest import ROOT, need
from pkai import artifact
from pkai.calibration import Calibration
from pkai.diagnosis import FAMILIES, FamilyScale
from pkai.features import FeatureConfig
from pkai.segments import SegmentConfig
from training.commands.bundle import FORMATS
from training.labels.pairs import Pair, write_pairs
from training.model import export, weights
from training.model.export import MeanOfNetworks
from training.model.repertoire import play
from training.music.score import SCORES, read_score
from training.networks.pairwise import PairwiseRanker
from training.networks.ranker import NetworkConfig
from training.sound import encoding, instruments
from training.sound.rendering import Renderer

SEVERITIES = (0.0, 0.3, 0.6, 0.9, 1.2)
TAKES = 4
SECONDS = 12.0
SCALE = FamilyScale(told_knots=(0.0, 1.0), severity_knots=(0.0, 1.7), some_from=0.3, much_from=0.8, cost=0.1)
SMALL = NetworkConfig(channels=(4, 4, 6, 6, 8), hidden=8)


def command(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    paths = os.pathsep.join(str(path) for path in (ROOT / "lambda", ROOT))
    return subprocess.run(
        [sys.executable, "-m", *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1"},
        cwd=ROOT,
        capture_output=True,
        text=True,
    )


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`recordings/` with twenty takes at five severities, `pairs.csv` that ranks them, and `model/` to start from."""
    root = tmp_path_factory.mktemp("studio")
    pianos = instruments.available(root)
    need(bool(pianos), "a piano sound font (fluid-soundfont-gm)")
    score, renderer = read_score(SCORES / "fur_elise.txt"), Renderer(22_050)
    (root / "recordings").mkdir()
    severity_of: dict[str, float] = {}
    for take, (rank, severity) in itertools.product(range(TAKES), enumerate(SEVERITIES)):
        name, suffix = f"take{take}-{rank}", (".mp3", ".ogg")[take % 2]
        sound = renderer.render(play(score, severity, seed=take).excerpt(0.0, SECONDS), pianos[0])
        encoding.write(root / "recordings" / f"{name}{suffix}", sound, 22_050, FORMATS[suffix])
        severity_of[name] = severity
    two = itertools.combinations(severity_of, 2)
    write_pairs(root / "pairs.csv", [Pair(a, b, _label(severity_of[b] - severity_of[a])) for a, b in two])
    _write_model(root / "model")
    return root


def _label(gap: float) -> int:
    return (gap > 0) - (gap < 0)


def _write_model(folder: Path) -> None:
    torch.manual_seed(2)
    mean = MeanOfNetworks([PairwiseRanker(len(FAMILIES), SMALL).eval() for _ in range(2)], [0.0, 0.0], [1.0, 1.0])
    features, cut = FeatureConfig(), SegmentConfig()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's own, inside its exporter
        graph = export.to_onnx(mean, features, cut)
    export.write(
        folder / "pdr",
        graph,
        weights.pack(mean, SMALL),
        name="pdr",
        version="0.0.1",
        features=features,
        cut=cut,
        calibration=Calibration(
            score_knots=(-1.0, 1.0),
            rating_knots=(0.0, 100.0),
            level_ratings=(20.0, 40.0, 60.0, 80.0),
            scale=0.1,
            tie_band=0.02,
            sigma_rating=5.0,
        ),
        diagnosis=dict.fromkeys(FAMILIES, SCALE),
        metrics={},
        training={},
    )
    (folder / "references").mkdir()
    (folder / "references" / "references.json").write_text("[]", encoding="utf-8")


def fine_tune(studio: Path, out: Path, *more: str | Path) -> subprocess.CompletedProcess[str]:
    return command(
        "training", "fine-tune", "--name", "pdr", "--recordings", studio / "recordings",
        "--pairs", studio / "pairs.csv", "--model-dir", studio / "model", "--out", out,
        "--threads", "1", "--no-references", *more,
    )  # fmt: skip


def test_recordings_and_pairs_become_a_model_that_scores(studio: Path, tmp_path: Path) -> None:
    out = tmp_path / "new"
    tuned = fine_tune(studio, out, "--steps", "40", "--force", "--json")
    assert tuned.returncode == 0, tuned.stderr
    told = json.loads(tuned.stdout)
    assert told["written"]
    assert told["best_step"] in (20, 40)

    old, new = (artifact.load(root / "pdr") for root in (studio / "model", out))
    assert new.manifest.sha256 != old.manifest.sha256
    assert new.manifest.version == "0.0.1+own"
    assert new.manifest.features == old.manifest.features
    assert new.manifest.metrics["own_recordings"] == {part: told[part] for part in ("before", "after")}
    origin = json.loads((out / "pdr" / "manifest.json").read_text())["training"]
    assert origin["fine_tuned_from"]["sha256"] == old.manifest.sha256
    assert sum(origin["recordings"].values()) == len(SEVERITIES) * TAKES, "each recording is in one part"
    again, _ = weights.read(out / "pdr")  # fine-tuning can go on from a fine-tuned model
    assert len(again.networks) == 2
    assert not list(out.glob(".fine-tune*"))

    recording = studio / "recordings" / "take0-0.mp3"
    scored = command("pkai", "score", "--model-dir", out, "--model", "pdr", "--json", recording)
    assert scored.returncode == 0, scored.stderr
    assert json.loads(scored.stdout)["model"]["sha256"] == hashlib.sha256(new.onnx).hexdigest()

    evaluated = command(
        "training",
        "evaluate",
        studio / "recordings",
        "--pairs",
        studio / "pairs.csv",
        "--model-dir",
        out,
        "--model",
        "pdr",
        "--json",
    )
    assert evaluated.returncode == 0, evaluated.stderr
    found = json.loads(evaluated.stdout)
    n_equal = len(SEVERITIES) * TAKES * (TAKES - 1) // 2
    n_all = len(SEVERITIES) * TAKES * (len(SEVERITIES) * TAKES - 1) // 2
    assert (found["accuracy"]["n"], found["n_equal"]) == (n_all - n_equal, n_equal)


def test_what_does_not_help_is_said_and_not_written(studio: Path, tmp_path: Path) -> None:
    out = tmp_path / "new"
    tuned = fine_tune(studio, out, "--steps", "1", "--learning-rate", "1e-12")
    assert tuned.returncode == 1
    assert "did not help" in tuned.stderr
    assert "shipped weights stay" in tuned.stderr
    assert not (out / "pdr").exists()


def test_pairs_without_recordings_are_named(studio: Path, tmp_path: Path) -> None:
    write_pairs(tmp_path / "pairs.csv", [Pair(f"lost{i}", f"lost{i + 1}", 1) for i in range(0, 60)])
    steps: tuple[list[str | Path], ...] = (
        ["fine-tune", "--name", "pdr", "--recordings", studio / "recordings", "--out", tmp_path / "new"],
        ["evaluate", studio / "recordings"],
    )
    for step in steps:
        refused = command("training", *step, "--pairs", tmp_path / "pairs.csv", "--model-dir", studio / "model")
        assert refused.returncode == 1
        assert "holds no recording of lost0" in refused.stderr
        assert "Traceback" not in refused.stderr
