"""Runs are read strictly: what a file says is what is trained."""

import dataclasses
from pathlib import Path

import pytest

from conftest import ROOT
from training.augmentation import Augmentation
from training.config import RunConfig
from training.networks import NetworkConfig

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
