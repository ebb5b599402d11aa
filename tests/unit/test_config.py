"""Runs are read strictly: what a file says is what is trained."""

import dataclasses
import re
from pathlib import Path
from typing import Any

import pytest

from conftest import ROOT
from training.fitting.augmentation import Augmentation
from training.fitting.config import RunConfig
from training.fitting.losses import LossConfig
from training.networks.ranker import NetworkConfig

CONFIGS = sorted((ROOT / "training" / "configs").glob("*.yaml"))


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_every_run_of_ours_can_be_read_and_is_named_as_its_file(path: Path) -> None:
    assert RunConfig.read(path).name == path.stem


def test_there_are_runs() -> None:
    assert CONFIGS


def test_what_a_file_does_not_say_keeps_its_default(tmp_path: Path) -> None:
    path = tmp_path / "run.yaml"
    path.write_text("n_steps: 7\nnetwork:\n  hidden: 9\n", encoding="utf-8")
    run = RunConfig.read(path)
    assert run == RunConfig(n_steps=7, network=NetworkConfig(hidden=9))


def test_an_empty_file_is_the_defaults(tmp_path: Path) -> None:
    path = tmp_path / "run.yaml"
    path.write_text("# nothing\n", encoding="utf-8")
    assert RunConfig.read(path) == RunConfig()


def test_a_run_survives_becoming_plain_values() -> None:
    run = RunConfig(
        n_steps=3, network=NetworkConfig(channels=(1, 2, 3, 4, 5)), augmentation=Augmentation(widest_time_mask=0)
    )
    again = RunConfig.from_dict(dataclasses.asdict(run))
    assert again == run
    assert isinstance(again.network.channels, tuple)


def test_lists_of_a_file_become_tuples() -> None:
    run = RunConfig.from_dict({"network": {"channels": [1, 2, 3, 4, 5]}})
    assert run.network.channels == (1, 2, 3, 4, 5)


def test_an_emphasis_on_no_family_is_refused_with_those_there_are() -> None:
    with pytest.raises(ValueError, match=r"emphasis names no family 'tempi'; there are: .*tempo"):
        RunConfig.from_dict({"emphasis": {"tempi": 2.0}})


def test_an_unknown_key_is_refused_with_those_there_are() -> None:
    with pytest.raises(ValueError, match=r"unknown setting 'lerning_rate' of RunConfig; there are: .*learning_rate"):
        RunConfig.from_dict({"lerning_rate": 1.0})


def test_an_unknown_key_of_a_part_is_refused_with_those_of_the_part() -> None:
    with pytest.raises(ValueError, match=r"unknown setting 'depth' of NetworkConfig; there are: .*channels.*hidden"):
        RunConfig.from_dict({"network": {"depth": 3}})


def test_a_file_that_is_no_mapping_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "run.yaml"
    path.write_text("- n_steps\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"run\.yaml must hold a mapping of settings"):
        RunConfig.read(path)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"n_steps": "many"}, "n_steps is 'many'; it must be a whole number"),
        ({"n_steps": 10.5}, "n_steps is 10.5; it must be a whole number"),
        ({"n_steps": True}, "n_steps is True; it must be a whole number"),
        ({"learning_rate": "1e-3"}, "learning_rate is '1e-3'; it must be a number; YAML wants it written 1.0e-03"),
        ({"precision": "fp8"}, "precision is 'fp8'; it must be one of 'auto', 'bf16-mixed', '16-mixed', '32-true'"),
        ({"network": {"kind": "tcn"}}, "network.kind is 'tcn'; it must be one of 'pdr', 'apr'"),
        ({"network": {"channels": [1, "x", 3, 4, 5]}}, "network.channels is 'x'; it must be a whole number"),
        ({"network": {"channels": 5}}, "network.channels is 5; it must be a list, of which each is a whole number"),
        ({"network": "apr"}, "network is 'apr'; it must be a mapping of settings"),
        ({"emphasis": {"tempo": "much"}}, "emphasis.tempo is 'much'; it must be a number"),
        ({"emphasis": ["tempo"]}, "emphasis is ['tempo']; it must be a mapping"),
        ({"name": None}, "name is None; it must be a text"),
    ],
)
def test_a_value_of_another_type_is_refused_with_the_one_it_must_be(asked: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        RunConfig.from_dict(asked)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"n_steps": 0}, "n_steps is 0; it must be 1 or more"),
        ({"n_versions": 1}, "n_versions is 1; it must be 2 or more"),
        ({"learning_rate": 0}, "learning_rate is 0.0; it must be greater than 0"),
        ({"learning_rate": float("nan")}, "learning_rate is nan; it must be greater than 0"),
        ({"local_share": 1.2}, "local_share is 1.2; it must be in 0..1"),
        ({"patience": 0}, "patience is 0; it must be 1 or more"),
        ({"emphasis": {"tempo": -1}}, "emphasis is {'tempo': -1.0}; none may be negative"),
        ({"name": "../pdr"}, "name is '../pdr'; it must be the name of a folder"),
        ({"network": {"dropout": 1.0}}, "dropout is 1.0; it must be in 0..0.95"),
        ({"network": {"channels": [4, 4]}}, "channels are (4, 4); small needs 5 of them"),
        ({"network": {"base": "resnet18", "hidden": 8}}, "hidden is 8; resnet18 has no layers over time: leave it out"),
        ({"network": {"base": "resnet18"}}, "loss.disparity is 0.1; resnet18 has no evidence over time"),
        ({"augmentation": {"widest_time_mask": -1}}, "widest_time_mask is -1; it must be 0 or more"),
        ({"features": {"kind": "mfcc", "n_mfcc": 97}}, "n_mfcc is 97; it must lie in 1..n_mels=96"),
    ],
)
def test_a_value_out_of_range_is_refused_with_its_range(asked: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        RunConfig.from_dict(asked)


def test_what_is_wrong_in_a_file_is_told_with_the_name_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "run.yaml"
    path.write_text("n_steps: lots\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"^run\.yaml: n_steps is 'lots'"):
        RunConfig.read(path)
    path.write_text("n_steps: [\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"^run\.yaml is not YAML"):
        RunConfig.read(path)


def test_whole_numbers_do_for_any_number_and_nothing_for_what_may_be_left_out() -> None:
    run = RunConfig.from_dict({"weight_decay": 0, "patience": None, "network": {"channels": None}})
    assert type(run.weight_decay) is float and run.patience is None and run.network.channels is None


def test_the_originals_are_what_the_original_was() -> None:
    pdr, apr = (RunConfig.read(ROOT / "training" / "configs" / f"original-{kind}.yaml") for kind in ("pdr", "apr"))
    for run in (pdr, apr):
        assert run.network.base == "resnet18" and run.features.kind == "mfcc"
        assert run.sampling.kind == "sparse" and run.sampling.n_snippets == 3 and run.segments.snippet_s == 0.5
    assert pdr.loss.kind == "margin" and apr.loss.kind == "softplus" and apr.loss.similarity > 0
    same = dataclasses.replace(apr, name=pdr.name, network=pdr.network, loss=pdr.loss)
    assert same == pdr


def test_apr_is_trained_as_pdr_is() -> None:
    pdr, apr = (RunConfig.read(ROOT / "training" / "configs" / f"{kind}.yaml") for kind in ("pdr", "apr"))
    assert apr.network == NetworkConfig(kind="apr") and apr.loss == LossConfig()
    assert dataclasses.replace(apr, name="pdr", network=pdr.network) == pdr
