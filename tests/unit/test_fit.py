"""A fit goes on where it was stopped, keeps its best, and is the same for the same seed."""

import dataclasses
from pathlib import Path
from typing import Any, Literal

import pytest
import torch

import made_shards
from pkai.features import FeatureConfig
from pkai.segments import SegmentConfig
from power_cut import PowerCut
from training.__main__ import main
from training.fitting import fit as fitting
from training.fitting.config import RunConfig
from training.fitting.fit import BEST_CHECKPOINT, LAST_CHECKPOINT, fit, load_network
from training.fitting.losses import LossConfig
from training.fitting.snippets import Batch, LadderBatches, SamplingConfig
from training.ladder.flaws import FAMILIES
from training.ladder.shards import Shard
from training.networks.ranker import NetworkConfig

# Lightning warns of few workers, of a folder that is not empty, and of its own libraries' ways.
pytestmark = [
    pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning", "ignore::FutureWarning"),
    pytest.mark.usefixtures("one_thread"),
]

RUN = RunConfig(
    n_steps=4,
    n_excerpts=2,
    n_versions=3,
    validate_every=2,
    validation_batches=1,
    precision="32-true",
    segments=SegmentConfig(snippet_s=1.0, hop_s=0.5),
    network=NetworkConfig(base="tiny"),
)
ORIGINAL = dataclasses.replace(
    RUN,
    n_steps=2,
    features=FeatureConfig(kind="mfcc", n_mfcc=96),
    sampling=SamplingConfig(kind="sparse", n_snippets=2),
    loss=LossConfig(kind="margin", similarity=1.0, disparity=0.0),
    network=NetworkConfig(base="resnet18", channels=(2, 2, 3, 3)),
)


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made_shards.write(tmp_path_factory.mktemp("shards"))


def state(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = torch.load(path, weights_only=True)
    return found


def counted(monkeypatch: pytest.MonkeyPatch, *, at_most: int | None = None) -> list[int]:
    """Steps as they are taken; after some of them the power is cut."""
    steps: list[int] = []
    original = fitting.Fit.training_step

    def step(module: fitting.Fit, batch: Batch, index: int) -> torch.Tensor:
        if len(steps) == at_most:
            raise PowerCut
        steps.append(module.global_step)
        return original(module, batch, index)

    monkeypatch.setattr(fitting.Fit, "training_step", step)
    return steps


def judged(monkeypatch: pytest.MonkeyPatch, *accuracies: float) -> None:
    """Validations that find these, one after the other."""
    left = list(accuracies)

    def judge(module: fitting.Fit) -> None:
        module._validation.clear()
        found = torch.tensor(left.pop(0))
        module.log_dict({"validation/accuracy": found, "validation/clear_accuracy": found})

    monkeypatch.setattr(fitting.Fit, "on_validation_epoch_end", judge)


@pytest.mark.parametrize("run", [RUN, ORIGINAL], ids=["small", "original"])
@pytest.mark.parametrize("kind", ["pdr", "apr"])
def test_every_network_can_be_fitted_and_loaded(
    run: RunConfig, kind: Literal["pdr", "apr"], shards: Path, tmp_path: Path
) -> None:
    run = dataclasses.replace(run, network=dataclasses.replace(run.network, kind=kind))
    best = fit(run, shards, tmp_path)
    assert best == tmp_path / BEST_CHECKPOINT
    network, found = load_network(best)
    assert found == run and not network.training and network.features == run.features.kind
    frames = run.segments.snippet_frames(run.features)
    score, attention, flaws = network(torch.randn(2, frames, run.features.n_features))
    assert score.shape == (2,) and flaws.shape == (2, len(FAMILIES), attention.shape[1])
    assert (tmp_path / "logs").is_dir()


def test_a_killed_fit_goes_on_from_its_last_validation(
    shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = dataclasses.replace(RUN, n_steps=6)
    judged(monkeypatch, 0.8, 0.7, 0.6)  # the first is the best, and not where to go on from
    with monkeypatch.context() as patch:
        steps = counted(patch, at_most=5)
        with pytest.raises(PowerCut):
            fit(run, shards, tmp_path)
        assert steps == [0, 1, 2, 3, 4]
    assert state(tmp_path / LAST_CHECKPOINT)["global_step"] == 4
    steps = counted(monkeypatch)
    best = fit(run, shards, tmp_path)
    assert steps == [4, 5]
    assert state(tmp_path / LAST_CHECKPOINT)["global_step"] == run.n_steps
    assert state(best)["global_step"] == 2
    steps.clear()
    assert fit(run, shards, tmp_path) == best
    assert steps == []  # nothing is left to do


@pytest.mark.parametrize("accumulate", [1, 2])
def test_a_killed_fit_ends_as_one_that_was_not(
    accumulate: int, shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = dataclasses.replace(RUN, n_steps=6, accumulate=accumulate)
    fit(run, shards, tmp_path / "whole")
    with monkeypatch.context() as patch:
        counted(patch, at_most=5 * accumulate)
        with pytest.raises(PowerCut):
            fit(run, shards, tmp_path / "killed")
    fit(run, shards, tmp_path / "killed")
    for name in (LAST_CHECKPOINT, BEST_CHECKPOINT):
        whole, killed = (state(tmp_path / folder / name)["state_dict"] for folder in ("whole", "killed"))
        assert all(torch.equal(whole[key], killed[key]) for key in whole)


def test_checkpoints_from_another_ladder_are_not_gone_on_from(shards: Path, tmp_path: Path) -> None:
    run, out = dataclasses.replace(RUN, n_steps=1, validate_every=1), tmp_path / "out"
    fit(run, shards, out)
    with pytest.raises(ValueError, match=r"is of another run: it has ladder '\w+' and not '\w+'; name another"):
        fit(run, made_shards.write(tmp_path, pieces=("c", "d")), out)


def test_checkpoints_of_another_run_are_not_gone_on_from(shards: Path, tmp_path: Path) -> None:
    run = dataclasses.replace(RUN, n_steps=1, validate_every=1)
    fit(run, shards, tmp_path)
    with pytest.raises(ValueError, match=r"is of another run: it has learning_rate 0\.002 and not 0\.5; name another"):
        fit(dataclasses.replace(run, learning_rate=0.5), shards, tmp_path)


def test_the_same_seed_gives_the_same_weights(shards: Path, tmp_path: Path) -> None:
    run = dataclasses.replace(RUN, n_steps=2)
    first, again, other = (
        load_network(fit(dataclasses.replace(run, seed=seed), shards, tmp_path / name))[0].state_dict()
        for seed, name in ((0, "first"), (0, "again"), (1, "other"))
    )
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not all(torch.equal(first[name], other[name]) for name in first)


def test_the_best_by_validation_is_kept_and_not_the_last(
    shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    judged(monkeypatch, 0.8, 0.7)
    assert state(fit(RUN, shards, tmp_path))["global_step"] == 2
    assert state(tmp_path / LAST_CHECKPOINT)["global_step"] == 4


def test_a_last_step_between_two_validations_is_judged_too(
    shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    judged(monkeypatch, 0.7, 0.8)
    assert state(fit(dataclasses.replace(RUN, n_steps=3), shards, tmp_path))["global_step"] == 3


def test_who_is_killed_before_the_last_step_was_judged_judges_it_in_the_next_call(
    shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = dataclasses.replace(RUN, n_steps=2, validate_every=10)

    def killed(*_: object) -> None:
        raise PowerCut

    with monkeypatch.context() as patch:
        patch.setattr(fitting, "_keep_last_if_best", killed)
        with pytest.raises(PowerCut):
            fit(run, shards, tmp_path)
    assert fit(run, shards, tmp_path).is_file()


def test_a_fit_that_gains_nothing_ends_early_and_has_ended_for_good(
    shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = dataclasses.replace(RUN, n_steps=50, validate_every=1, patience=2)
    judged(monkeypatch, 0.7, 0.8, 0.8, 0.75)
    steps = counted(monkeypatch)
    assert state(fit(run, shards, tmp_path))["global_step"] == 2
    assert len(steps) == 4
    fit(run, shards, tmp_path)
    assert len(steps) == 4


def test_what_is_validated_with_was_not_trained_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for part in ("train", "validation"):
        made_shards.write(tmp_path, parts=(part,), pieces=(part, part))
    heard: dict[int, set[str]] = {}
    original = fitting._batches

    def batches(run: RunConfig, found: list[Shard], *, seed: int) -> LadderBatches:
        heard[seed] = {piece for shard in found for piece in shard.pieces.tolist()}
        return original(run, found, seed=seed)

    monkeypatch.setattr(fitting, "_batches", batches)
    fit(dataclasses.replace(RUN, seed=7, n_steps=2), tmp_path, tmp_path / "out")
    assert heard == {7: {"train"}, 0: {"validation"}}


def test_the_averaged_network_is_what_is_loaded(shards: Path, tmp_path: Path) -> None:
    kept = state(fit(RUN, shards, tmp_path))["state_dict"]
    loaded = load_network(tmp_path / BEST_CHECKPOINT)[0].state_dict()
    assert all(torch.equal(tensor, kept[f"averaged.module.{name}"]) for name, tensor in loaded.items())
    assert not all(torch.equal(tensor, kept[f"network.{name}"]) for name, tensor in loaded.items())


def test_gradients_of_several_batches_make_one_step(
    shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = counted(monkeypatch)
    fit(dataclasses.replace(RUN, accumulate=3, n_steps=2), shards, tmp_path)
    assert steps == [0, 0, 0, 1, 1, 1]


def test_shards_of_other_features_are_refused(shards: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"was made with features\.n_mels 96 and not 64"):
        fit(dataclasses.replace(RUN, features=FeatureConfig(n_mels=64)), shards, tmp_path)


def short_run(folder: Path, *, n_steps: int) -> Path:
    """A config of a tiny network, validated after each step."""
    config = folder / "run.yaml"
    settings = "n_excerpts: 2\nn_versions: 2\nsegments: {snippet_s: 1.0, hop_s: 1.0}\nnetwork: {base: tiny}\n"
    config.write_text(f"n_steps: {n_steps}\nvalidate_every: 1\nvalidation_batches: 1\n{settings}", encoding="utf-8")
    return config


def test_the_command_prints_the_best_checkpoint(
    shards: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config, out = short_run(tmp_path, n_steps=1), tmp_path / "out"
    assert main(["fit", "--config", str(config), "--ladder", str(shards), "--out", str(out), "--seed", "3"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == str(out / BEST_CHECKPOINT)
    assert load_network(out / BEST_CHECKPOINT)[1].seed == 3


def test_networks_fitted_side_by_side_are_those_fitted_one_after_the_other(
    shards: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    common = ["fit", "--config", str(short_run(tmp_path, n_steps=2)), "--ladder", str(shards)]
    assert main([*common, "--out", str(tmp_path / "run"), "--seeds", "3", "5", "--threads", "2"]) == 0
    outs = [tmp_path / "run-3", tmp_path / "run-5"]
    assert capsys.readouterr().out.splitlines()[-2:] == [str(out / BEST_CHECKPOINT) for out in outs]
    for seed, out in zip((3, 5), outs, strict=True):
        alone = tmp_path / f"alone-{seed}"
        assert main([*common, "--out", str(alone), "--seed", str(seed), "--threads", "1"]) == 0
        one, other = (load_network(folder / BEST_CHECKPOINT) for folder in (out, alone))
        assert one[1] == other[1] and one[1].seed == seed
        for name, tensor in one[0].state_dict().items():
            assert torch.equal(tensor, other[0].state_dict()[name]), name


def test_what_stops_one_of_several_is_told_as_of_one(
    shards: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "run.yaml").write_text("features: {n_mels: 64}", encoding="utf-8")
    options = ["--config", str(tmp_path / "run.yaml"), "--ladder", str(shards), "--out", str(tmp_path / "run")]
    assert main(["fit", *options, "--seeds", "0", "1", "--threads", "2"]) == 1
    assert f"fit: the ladder in {shards} was made with features.n_mels 96 and not 64" in caplog.text


@pytest.mark.parametrize(
    ("setting", "message"),
    [("n_steps: lots", "n_steps is 'lots'"), ("", "holds no ladder.json; build the ladder first")],
)
def test_a_run_that_cannot_start_says_why_in_one_line(
    setting: str, message: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "run.yaml").write_text(setting, encoding="utf-8")
    folders = ["--ladder", str(tmp_path / "none"), "--out", str(tmp_path / "out")]
    assert main(["fit", "--config", str(tmp_path / "run.yaml"), *folders]) == 1
    assert message in caplog.text and "Traceback" not in caplog.text
