"""Tuning in small: two trials, one of which is cut off and goes on."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import lightning
import optuna
import pytest
import torch

import made_shards
from conftest import ROOT
from pkai.segments import SegmentConfig
from power_cut import PowerCut
from training.__main__ import main
from training.fitting import tune
from training.fitting.config import RunConfig
from training.fitting.fit import Fit
from training.fitting.snippets import Batch
from training.fitting.tune import SPACE, Tuning
from training.networks.ranker import NetworkConfig

# Lightning warns of few workers, of a folder that is not empty, and of its own libraries' ways.
pytestmark = [
    pytest.mark.filterwarnings(
        "ignore::UserWarning", "ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::ResourceWarning"
    ),
    pytest.mark.usefixtures("one_thread"),
]

BASE = RunConfig(
    n_excerpts=2,
    n_versions=3,
    validation_batches=1,
    precision="32-true",
    segments=SegmentConfig(snippet_s=1.0, hop_s=0.5),
    network=NetworkConfig(base="tiny"),
)
TWO = Tuning(n_trials=2, n_steps=4, n_validations=2)


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made_shards.write(tmp_path_factory.mktemp("shards"))


def counted(monkeypatch: pytest.MonkeyPatch, *, at_most: int | None = None) -> list[int]:
    """Steps as they are taken; after some of them the power is cut."""
    steps: list[int] = []
    original = Fit.training_step

    def training_step(module: Fit, batch: Batch, index: int) -> torch.Tensor:
        if len(steps) == at_most:
            raise PowerCut
        steps.append(module.global_step)
        return original(module, batch, index)

    monkeypatch.setattr(Fit, "training_step", training_step)
    return steps


def test_a_study_that_was_cut_off_goes_on_and_ends_with_settings_to_fit(
    shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with monkeypatch.context() as patch:
        taken = counted(patch, at_most=7)  # in the second trial, after its first validation
        with pytest.raises(PowerCut):
            tune.tune(BASE, shards, tmp_path, TWO)
        assert taken == [0, 1, 2, 3, 0, 1, 2]
    with monkeypatch.context() as patch:
        taken = counted(patch)
        study = tune.tune(BASE, shards, tmp_path, TWO)
        assert taken == [2, 3]  # the checkpoint of the trial that was cut off
    states = [trial.state.name for trial in study.trials]
    assert states == ["COMPLETE", "FAIL", "COMPLETE"]
    assert study.trials[1].params == study.trials[2].params
    assert 0.0 <= study.best_value <= 1.0
    best = RunConfig.read(tmp_path / tune.BEST_FILE)
    assert best.learning_rate == study.best_trial.params["learning_rate"]
    assert best.network.dropout == study.best_trial.params["network.dropout"]
    assert best.n_steps == BASE.n_steps and best.emphasis == BASE.emphasis
    taken = counted(monkeypatch)
    assert len(tune.tune(BASE, shards, tmp_path, TWO).trials) == 3  # nothing is left to do
    assert taken == []


def test_the_best_settings_are_the_base_with_what_was_tuned(
    shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tune, "_accuracy", lambda trial, *_: float(len(tune.suggested(trial))))
    apr = RunConfig.read(ROOT / "training" / "configs" / "apr.yaml")
    base = dataclasses.replace(
        apr, n_steps=900, validate_every=70, patience=3, seed=5, emphasis={},
        network=dataclasses.replace(apr.network, channels=(4, 4, 6, 6, 8)),
    )  # fmt: skip
    tuned = tune.tune(base, shards, tmp_path, dataclasses.replace(TWO, n_trials=1)).best_trial.params
    inner = {part: getattr(base, part) for part in ("network", "augmentation")}
    for name in [name for name in tuned if "." in name]:
        part, last = name.split(".")
        inner[part] = dataclasses.replace(inner[part], **{last: tuned.pop(name)})
    assert RunConfig.read(tmp_path / tune.BEST_FILE) == dataclasses.replace(base, **tuned, **inner)


@pytest.mark.parametrize("number", [0, 1])
@pytest.mark.parametrize("cut", [PowerCut, KeyboardInterrupt])  # Optuna sees the second, and not the first
def test_what_was_cut_off_is_tried_again_once_and_then_something_else(
    cut: type[BaseException], number: int, shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rates: list[float] = []

    def accuracy(trial: optuna.Trial, *_: object) -> float:
        rates.append(tune.suggested(trial)["learning_rate"])
        if len(rates) == number + 1:
            raise cut
        return rates[-1]

    monkeypatch.setattr(tune, "_accuracy", accuracy)
    three = dataclasses.replace(TWO, n_trials=3)
    with pytest.raises(cut):
        tune.tune(BASE, shards, tmp_path, three)
    for _ in range(2):
        study = tune.tune(BASE, shards, tmp_path, three)
    assert [trial.number for trial in study.trials if trial.state.name == "FAIL"] == [number]
    assert len(rates) == 4 and rates[number + 1] == rates[number] and len(set(rates)) == 3
    tune.tune(BASE, shards, tmp_path, dataclasses.replace(three, n_trials=4))
    assert len(set(rates)) == 4


def test_a_study_of_another_base_or_ladder_is_another_and_goes_on_with_other_draws(
    shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tune, "_accuracy", lambda trial, *_: float(len(tune.suggested(trial))))
    one = dataclasses.replace(TWO, n_trials=1)
    studies = [
        tune.tune(base, ladder, tmp_path, one)
        for base, ladder in (
            (BASE, shards),
            (dataclasses.replace(BASE, gradient_clip=2.0), shards),
            (BASE, made_shards.write(tmp_path, pieces=("c", "d"))),
        )
    ]
    assert [len(study.trials) for study in studies] == [1, 1, 1]
    assert len({study.study_name for study in studies}) == 3
    both = tune.tune(BASE, shards, tmp_path, TWO)
    assert both.trials[0].params != both.trials[1].params


def test_the_command_prints_the_best_settings(shards: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "tiny.yaml"
    config.write_text(
        "precision: 32-true\nn_excerpts: 2\nn_versions: 3\nvalidation_batches: 1\n"
        "segments: {snippet_s: 1.0, hop_s: 0.5}\nnetwork: {base: tiny}\n"
    )
    arguments = ["--config", config, "--ladder", shards, "--out", tmp_path / "out", "--trials", "1", "--steps", "2"]
    assert main(["tune", *map(str, arguments), "--validations", "1", "--threads", "1"]) == 0
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert set(told["settings"]) == set(SPACE) and 0 <= told["accuracy"] <= 1


def test_a_trial_that_lags_is_pruned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    result = tmp_path / "accuracy.json"
    study = optuna.create_study(
        direction="maximize", pruner=optuna.pruners.MedianPruner(n_startup_trials=1, n_warmup_steps=tune._PRUNED_FROM)
    )

    def validated(accuracies: list[float]) -> Any:
        def objective(trial: optuna.Trial) -> float:
            report = tune._Report(trial, result)
            module = Fit(RunConfig(validate_every=10, network=NetworkConfig(base="tiny")), ladder="")
            for number, accuracy in enumerate(accuracies, start=1):
                trainer = lightning.Trainer(logger=False, enable_checkpointing=False, accelerator="cpu")
                monkeypatch.setattr(lightning.Trainer, "global_step", 10 * number)
                monkeypatch.setattr(
                    lightning.Trainer, "callback_metrics", {"validation/accuracy": torch.tensor(accuracy)}
                )
                report.on_validation_end(trainer, module)
            return accuracies[-1]

        return objective

    study.optimize(validated([0.7, 0.8, 0.9]), n_trials=1)
    study.optimize(validated([0.1, 0.2, 0.95]), n_trials=1)
    assert [trial.state.name for trial in study.trials] == ["COMPLETE", "PRUNED"]
    assert list(study.trials[1].intermediate_values) == [1, 2]
    assert json.loads(result.read_text()) == pytest.approx(0.2)


def test_a_trial_of_the_same_settings_on_another_ladder_begins_anew() -> None:
    assert tune._folder(BASE, "one") == tune._folder(BASE, "one") != tune._folder(BASE, "other")


def test_what_is_sought_are_settings_of_a_run_within_their_bounds() -> None:
    for edge in ("low", "high"):
        tune._run({name: getattr(each, edge) for name, each in SPACE.items()}, BASE, TWO)
    assert "emphasis" not in SPACE  # it decides what the accuracy is of
    with pytest.raises(ValueError, match="n_steps is 1; it must be at least n_validations=2"):
        Tuning(n_steps=1, n_validations=2)
