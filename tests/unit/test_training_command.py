"""`pkai-train`: one command that hands each step its own arguments."""

import argparse
import importlib

import pytest

import training.__main__
from conftest import ROOT
from training.__main__ import STEPS, main


@pytest.mark.parametrize("step", STEPS)
def test_every_step_explains_itself(step: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main([step, "--help"])
    assert capsys.readouterr().out.startswith(f"usage: pkai-train {step} ")


def test_the_command_lists_its_steps(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["--help"])
    told = capsys.readouterr().out
    assert all(step in told for step in STEPS)


def test_an_unknown_step_is_refused_as_usage() -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["sing"])


def steps_taken(monkeypatch: pytest.MonkeyPatch, config: str, *, fails: str | None = None) -> tuple[int, list[str]]:
    """What `make-model` returns and the steps that it takes, whose arguments each step's own parser has understood."""
    taken = []

    def take(argv: list[str]) -> int:
        parser = argparse.ArgumentParser(exit_on_error=False)
        importlib.import_module(STEPS[argv[0]][0]).add_arguments(parser)
        parser.parse_args(argv[1:])
        taken.append(argv[0])
        return int(argv[0] == fails)

    monkeypatch.setattr(training.__main__, "main", take)
    configs = ROOT / "training" / "configs"
    options = ["--sources", "asap", "--rated", "rated", "--version", "1.0.0", "--config", str(configs / config)]
    return main(["make-model", *options]), taken


def test_a_model_is_made_step_by_step(monkeypatch: pytest.MonkeyPatch) -> None:
    every = ["ladder", "fit", "export", "teach-flaws", "references"]
    assert steps_taken(monkeypatch, "apr.yaml") == (0, every)
    assert steps_taken(monkeypatch, "original-pdr.yaml") == (0, [step for step in every if step != "teach-flaws"])


def test_making_a_model_ends_with_the_step_that_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    assert steps_taken(monkeypatch, "apr.yaml", fails="export") == (1, ["ladder", "fit", "export"])


def test_a_model_of_no_config_is_refused(caplog: pytest.LogCaptureFixture) -> None:
    options = ["--sources", "asap", "--rated", "rated", "--version", "1.0.0", "--config", "nowhere.yaml"]
    assert main(["make-model", *options]) == 1
    assert "nowhere.yaml" in caplog.text
