"""`pkai-train`: one command that hands each step its own arguments."""

import argparse
import importlib
import sys
from pathlib import Path

import pytest

import training.__main__
from conftest import ROOT
from pkai.settings import DEFAULT_MODEL
from training.__main__ import STEPS, main
from training.commands import card


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


def test_an_interrupt_is_told_without_a_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(_: argparse.Namespace) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(card, "run", interrupted)
    assert main(["card"]) == 130
    assert capsys.readouterr().err == "\nstopped; what was done is kept, and the same command goes on\n"


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["references"], "references: {root} holds no model; export one first"),
        (["recognition"], "recognition: there is no list of references at {root}/references/references.json"),
        (
            ["export", "x.ckpt", "--rated", "nowhere", "--ladder", "nowhere", "--version", "1.0.0"],
            "export: nowhere holds no ratings.csv; fetch the rated performances first",
        ),
    ],
)
def test_a_folder_that_lacks_what_is_needed_is_told_and_left_as_it_is(
    arguments: list[str], why: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    root = tmp_path / "none"
    assert main([*arguments, "--model-dir", str(root)]) == 1
    assert why.format(root=root) in caplog.text
    assert not root.exists()


def test_a_machine_without_fluidsynth_is_told_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "fluidsynth", None)
    assert main(["bundle", "--out", str(tmp_path)]) == 1
    assert "bundle: FluidSynth is not on this machine; install it (Debian: fluidsynth" in caplog.text


def test_music_that_is_not_there_is_no_music_that_was_told_from_others(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert main(["recognition", str(tmp_path)]) == 1
    assert f"{tmp_path} holds no MIDI file" in caplog.text


@pytest.mark.parametrize(
    "arguments",
    [
        ["fit", "--threads", "0"],
        ["ladder", "--workers", "-1"],
        ["pairs", "annotate", "--pairs", "pairs.csv", "--web", "--port", "99999"],
    ],
)
def test_a_number_that_cannot_be_is_refused_as_usage(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(arguments)
    assert "' is not " in capsys.readouterr().err


def test_what_is_fine_tuned_and_measured_is_the_model_that_judges() -> None:
    for step, option in (("fine-tune", "name"), ("robustness", "model"), ("worsened", "model")):
        parser = argparse.ArgumentParser()
        importlib.import_module(STEPS[step][0]).add_arguments(parser)
        assert parser.get_default(option) in (DEFAULT_MODEL, [DEFAULT_MODEL])


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
