"""`pkai-train`: one command that hands each step its own arguments."""

import pytest

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
