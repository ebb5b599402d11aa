"""The whole of training in small: a ladder of two made-up pieces, a fit that is killed and resumed; and what ships."""

import dataclasses
import hashlib
import itertools
import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch

import made_shards
from conftest import ROOT, need
from made_performance import etude
from pkai import artifact
from pkai.features import FeatureConfig
from pkai.scorer import Judge
from power_cut import PowerCut
from training.evaluation import consensus, evaluate
from training.fitting import fit as fitting
from training.fitting import flaw_teaching
from training.fitting.config import RunConfig
from training.fitting.flaw_teaching import FlawTeaching
from training.fitting.side_by_side import train_all
from training.fitting.snippets import Batch
from training.ladder import shards
from training.ladder.excerpts import ExcerptConfig, Source
from training.ladder.flaws import FAMILIES
from training.ladder.shards import LadderConfig
from training.music.performance import Performance, read_midi, write_midi
from training.networks import pairwise
from training.networks.ranker import NetworkConfig, SmallRanker
from training.people import rated
from training.sound import instruments

# Lightning warns of few workers, of a folder that is not empty, and of its own libraries' ways.
pytestmark = [
    pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning", "ignore::FutureWarning"),
    pytest.mark.usefixtures("one_thread"),
]

LADDER = LadderConfig(
    n_shards=1,
    n_validation_shards=1,
    n_apart_shards=1,
    n_apart_validation_shards=1,
    excerpts_per_shard=2,
    n_versions=2,
    excerpts=ExcerptConfig(shortest_s=12.0, longest_s=13.0, slowest=1.5, fastest=3.0),
)
RUN = RunConfig(
    n_steps=6,
    n_excerpts=2,
    n_versions=2,
    validate_every=2,
    validation_batches=1,
    network=NetworkConfig(channels=(4, 4, 4, 4, 4), hidden=8),
)


def sources(folder: Path) -> tuple[Source, ...]:
    """One piece to train on and one to validate with."""
    names = {shards.is_validation(f"made-{i}", LADDER.validation_share): f"made-{i}" for i in range(50)}
    made = []
    for seed, piece in enumerate(names.values()):
        path = folder / f"{piece}.mid"
        write_midi(etude(120, seed=seed), path)
        made.append(Source(path=path, score_path=path, piece=piece))
    assert len(made) == 2
    return tuple(made)


@pytest.fixture(scope="module")
def ladder_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ladder")
    need(bool(instruments.available(folder)), "a piano sound font")
    shards.build(sources(folder), folder / "shards", folder, LADDER, n_workers=1)
    return folder / "shards"


def global_step(checkpoint: Path) -> int:
    return int(torch.load(checkpoint, weights_only=True)["global_step"])


def test_the_ladder_is_built_once_and_read_whole(ladder_folder: Path) -> None:
    parts: tuple[shards.Part, ...] = ("train", "validation", "apart", "apart-validation")
    found = {path.stem.rstrip("0123456789") for path in ladder_folder.glob("*.npz")}
    assert found == {f"{part}-" for part in parts}
    assert len(shards.read(ladder_folder, "train", LADDER.features)) == LADDER.n_shards
    for part in parts:
        for shard in shards.read(ladder_folder, part, LADDER.features):
            n_versions = LADDER.excerpts_per_shard * LADDER.n_versions
            assert len(shard.lengths) == len(shard.label_lengths) == len(shard.severity) == n_versions
            assert shard.frames.shape == (shard.lengths.sum(), LADDER.features.n_features)
            assert shard.damage.shape == (shard.label_lengths.sum(), len(FAMILIES))
            assert np.isfinite(shard.frames).all() and np.isfinite(shard.damage).all()
            assert len(shard.places) == len(shard.damage) and 0 <= shard.places.min() <= shard.places.max() <= 1
            assert shard.excerpt.tolist() == [0, 0, 1, 1]
            np.testing.assert_array_equal(shard.severity[::2], 0.0)  # the first of each excerpt has no flaw
            assert shard.severity[1::2].min() > 0
            pieces = set(shard.pieces.tolist())
            assert {shards.is_validation(piece, LADDER.validation_share) for piece in pieces} == {
                part.endswith("validation")
            }


def test_shards_of_another_ladder_are_not_mixed_with_these(ladder_folder: Path, tmp_path: Path) -> None:
    other = dataclasses.replace(LADDER, worst=0.5, n_shards=2)
    with pytest.raises(ValueError, match="holds shards of other settings, sources or pianos; name another folder"):
        shards.build(sources(tmp_path), ladder_folder, tmp_path, other, n_workers=1)


def test_shards_of_another_version_are_refused_and_unfinished_ones_passed_over(tmp_path: Path) -> None:
    made_shards.write(tmp_path)
    (tmp_path / "train-001.part").write_bytes(b"PK half of it")
    assert len(shards.read(tmp_path, "train", FeatureConfig())) == 1
    arrays = dict(np.load(tmp_path / "train-000.npz"))
    del arrays["places"]
    np.savez(tmp_path / "train-000.npz", **arrays)
    with pytest.raises(ValueError, match="built by another version of P-KAI; build the ladder again"):
        shards.read(tmp_path, "train", FeatureConfig())


def test_a_ladder_that_grew_or_lacks_shards_is_another(tmp_path: Path) -> None:
    made_shards.write(tmp_path)
    before = shards.digest(tmp_path)
    (tmp_path / "train-001.npz").write_bytes((tmp_path / "train-000.npz").read_bytes())
    assert shards.digest(tmp_path) != before


def test_a_network_hears_what_the_ladder_was_made_with(tmp_path: Path) -> None:
    made_shards.write(tmp_path)
    assert shards.read(tmp_path, "train", FeatureConfig(kind="mfcc", n_mfcc=40)), "cepstra are made of what is there"
    with pytest.raises(
        ValueError, match=r"features\.hop_length 441 and not 512, fmax 8000\.0 and not 6000\.0; hear it"
    ):
        shards.read(tmp_path, "train", FeatureConfig(hop_length=512, fmax=6000.0))


def test_a_ladder_that_is_not_there_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"holds no ladder\.json; build the ladder first"):
        shards.read(tmp_path, "train", FeatureConfig())
    made_shards.write(tmp_path, parts=("train",))
    with pytest.raises(FileNotFoundError, match="holds no apart shards; build the ladder first"):
        shards.read(tmp_path, "apart", FeatureConfig())


def test_a_killed_fit_goes_on_from_its_checkpoint_and_ends_where_it_should(
    ladder_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:

    steps: list[int] = []
    original = fitting.Fit.training_step

    def counted(module: fitting.Fit, batch: Batch, index: int) -> torch.Tensor:
        if len(steps) == 5:
            raise PowerCut
        steps.append(module.global_step)
        return original(module, batch, index)

    monkeypatch.setattr(fitting.Fit, "training_step", counted)
    with pytest.raises(PowerCut):
        fitting.fit(RUN, ladder_folder, tmp_path)
    assert steps == [0, 1, 2, 3, 4]
    assert global_step(tmp_path / fitting.LAST_CHECKPOINT) == 4
    steps.clear()
    best = fitting.fit(RUN, ladder_folder, tmp_path)
    assert steps == [4, 5]
    assert best == tmp_path / fitting.BEST_CHECKPOINT
    assert global_step(tmp_path / fitting.LAST_CHECKPOINT) == RUN.n_steps
    steps.clear()
    assert fitting.fit(RUN, ladder_folder, tmp_path) == best
    assert steps == []  # nothing is left to do
    told = capsys.readouterr()
    assert not told.out and "train/loss" in told.err  # the standard output is of results
    network, run = fitting.load_network(best)
    assert run == RUN and not network.training
    assert all(bool(torch.isfinite(weight).all()) for weight in network.state_dict().values())


def test_checkpoints_are_heard_as_one_on_one_scale(ladder_folder: Path, tmp_path: Path) -> None:
    runs = [dataclasses.replace(RUN, seed=seed, n_steps=2) for seed in range(2)]
    paths = [fitting.fit(run, ladder_folder, tmp_path / str(run.seed)) for run in runs]
    name, both = consensus.of_mean(paths, ladder_folder)
    alone = [consensus.of_checkpoint(path)[1] for path in paths]
    assert (name, both.name) == (RUN.name, f"{RUN.name}, seeds 0 and 1")
    snippets = [RUN.segments.snippet_frames(RUN.features), RUN.features.n_features]
    heard = np.random.default_rng(0).standard_normal((50, *snippets)).astype(np.float32)
    scores = [each.snippet_scores(heard) for each in alone]
    # What each says is moved and scaled, and then they are averaged.
    columns = np.stack([*scores, np.ones(len(heard))], axis=1)
    weights, *_ = np.linalg.lstsq(columns, both.snippet_scores(heard), rcond=None)
    np.testing.assert_allclose(columns @ weights, both.snippet_scores(heard), atol=1e-4)
    assert min(weights[:2]) > 0
    other = fitting.fit(dataclasses.replace(runs[0], name="other"), ladder_folder, tmp_path / "other")
    with pytest.raises(ValueError, match="differ in name; only networks of one run"):
        consensus.of_mean([other, paths[1]], ladder_folder)


TEACHING = FlawTeaching(n_steps=6, n_excerpts=2, n_versions=2, checkpoint_every=2)


def small_network(seed: int) -> SmallRanker:
    torch.manual_seed(seed)
    network = pairwise.build(RUN.network, len(FAMILIES)).eval()
    assert isinstance(network, SmallRanker)
    return network


def test_teaching_flaws_changes_what_is_told_of_them_and_no_score(ladder_folder: Path, tmp_path: Path) -> None:
    network, snippets = small_network(0), torch.randn(3, RUN.segments.snippet_frames(RUN.features), 96)
    with torch.no_grad():
        before = network(snippets)
    flaw_teaching.teach(network, ladder_folder, tmp_path, TEACHING, RUN.features, RUN.segments)
    with torch.no_grad():
        after = network(snippets)
    assert torch.equal(before[0], after[0]) and torch.equal(before[1], after[1])
    assert not torch.allclose(before[2], after[2], atol=1e-3)
    assert not network.training and all(weight.requires_grad for weight in network.parameters())


def test_what_was_taught_once_is_not_taught_the_same_again(ladder_folder: Path, tmp_path: Path) -> None:
    network = small_network(0)
    flaw_teaching.teach(network, ladder_folder, tmp_path, TEACHING, RUN.features, RUN.segments)
    with pytest.raises(ValueError, match="another"):
        flaw_teaching.teach(network, ladder_folder, tmp_path, TEACHING, RUN.features, RUN.segments)


def test_what_is_kept_lies_between_what_was_and_what_was_learnt(ladder_folder: Path, tmp_path: Path) -> None:
    kept = {}
    for share in (0.0, 0.5, 1.0):
        network, how = small_network(0), dataclasses.replace(TEACHING, learnt_share=share)
        flaw_teaching.teach(network, ladder_folder, tmp_path / str(share), how, RUN.features, RUN.segments)
        kept[share] = network.tell_flaws.weight.detach()
    assert torch.equal(kept[0.0], small_network(0).tell_flaws.weight)
    assert not torch.allclose(kept[1.0], kept[0.0], atol=1e-4)
    torch.testing.assert_close(kept[0.5], (kept[0.0] + kept[1.0]) / 2)


def test_a_teaching_that_was_stopped_goes_on_and_one_of_another_network_is_refused(
    ladder_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:

    steps: list[int] = []
    original = fitting.Drawn.__iter__

    def counted(drawn: fitting.Drawn) -> Iterator[Batch]:
        for batch in original(drawn):
            if len(steps) == 5:
                raise PowerCut
            steps.append(len(steps))
            yield batch

    monkeypatch.setattr(fitting.Drawn, "__iter__", counted)
    with pytest.raises(PowerCut):
        flaw_teaching.teach(small_network(0), ladder_folder, tmp_path, TEACHING, RUN.features, RUN.segments)
    reached = global_step(tmp_path / fitting.LAST_CHECKPOINT)
    assert 0 < reached < TEACHING.n_steps
    monkeypatch.undo()
    taught, again = small_network(0), small_network(0)
    flaw_teaching.teach(taught, ladder_folder, tmp_path, TEACHING, RUN.features, RUN.segments)
    assert global_step(tmp_path / fitting.LAST_CHECKPOINT) == TEACHING.n_steps
    flaw_teaching.teach(again, ladder_folder, tmp_path, TEACHING, RUN.features, RUN.segments)  # nothing is left to do
    for one, other in zip(taught.state_dict().values(), again.state_dict().values(), strict=True):
        assert torch.equal(one, other)
    with pytest.raises(ValueError, match="is of another teaching: it has network"):
        flaw_teaching.teach(small_network(1), ladder_folder, tmp_path, TEACHING, RUN.features, RUN.segments)


def test_networks_taught_side_by_side_are_those_taught_one_after_the_other(ladder_folder: Path, tmp_path: Path) -> None:
    def lessons(folder: Path) -> list[tuple[object, ...]]:
        outs = [folder / str(seed) for seed in range(2)]
        return [
            (small_network(seed), ladder_folder, out, TEACHING, RUN.features, RUN.segments)
            for seed, out in enumerate(outs)
        ]

    together = train_all(flaw_teaching.teach, lessons(tmp_path / "together"), n_threads=2)
    alone = train_all(flaw_teaching.teach, lessons(tmp_path / "alone"), n_threads=1)
    for one, other in zip(together, alone, strict=True):
        assert not one.training
        for name, tensor in one.state_dict().items():
            assert torch.equal(tensor, other.state_dict()[name]), name


def test_a_resnet_cannot_be_taught_flaws_alone(tmp_path: Path) -> None:
    resnet = pairwise.build(NetworkConfig(base="resnet18", channels=(2, 2, 2, 2)), len(FAMILIES))
    with pytest.raises(ValueError, match="only those of the small networks learn apart"):
        flaw_teaching.teach(resnet, tmp_path, tmp_path, TEACHING, RUN.features, RUN.segments)


@cache
def read_once(path: Path) -> Performance:
    return read_midi(path)


def test_length_alone_orders_four_fifths_of_the_pairs_that_people_rated(
    shared_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evaluate, "read_midi", read_once)  # it is the slow part, and needed twice
    performances = rated.read(shared_data / "expert-novice")
    assert len(performances) == 55
    found = evaluate.length_baseline(performances).at_half
    assert found.n == 199
    assert found.value == pytest.approx(0.799, abs=5e-4)
    assert found.low < 0.7 < 0.8 < found.high


MANIFEST = ROOT / "model" / "pdr" / "manifest.json"


@pytest.fixture(scope="module")
def shipped() -> Judge:
    need(MANIFEST.is_file(), "the shipped model model/pdr")
    return Judge(artifact.load(MANIFEST.parent))


@pytest.mark.parametrize("piano", ["grand", "bright"])
def test_the_shipped_model_orders_the_bundled_recordings(shipped: Judge, piano: str) -> None:
    paths = sorted((ROOT / "events" / "audio").glob(f"fur-elise-?-*-{piano}.*"))
    assert len(paths) == 4
    scores = [shipped.hear(path).score for path in paths]
    assert all(better > worse for better, worse in itertools.pairwise(scores)), scores


def test_the_shipped_graph_is_what_its_manifest_says(shipped: Judge) -> None:
    manifest = json.loads(MANIFEST.read_bytes())
    graph = (MANIFEST.parent / manifest["file"]).read_bytes()
    assert hashlib.sha256(graph).hexdigest() == manifest["sha256"] == shipped.manifest.sha256
    session = ort.InferenceSession(graph, providers=["CPUExecutionProvider"])
    assert {node.name: list(node.shape) for node in session.get_inputs()} == manifest["inputs"]
    assert {node.name: list(node.shape) for node in session.get_outputs()} == manifest["outputs"]
    opsets = {each.domain: each.version for each in onnx.load_from_string(graph).opset_import}
    assert opsets[""] == manifest["opset"]
    assert set(manifest["outputs"]) == set(artifact.OUTPUT_NAMES)
    assert manifest["name"] == "pdr" and manifest["metrics"]


def test_the_shipped_models_stay_small_enough_for_a_repository() -> None:
    sizes = [path.stat().st_size for pattern in ("*.onnx", "*.npz") for path in (ROOT / "model").glob(f"*/{pattern}")]
    assert len(sizes) >= 6 and sum(sizes) < 15e6
