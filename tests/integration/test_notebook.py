"""The notebook: it runs from top to bottom, and what is committed shows what it does."""

import os
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient
from nbconvert import HTMLExporter

from conftest import ROOT, need
from training.sound import instruments

NOTEBOOK = ROOT / "notebooks" / "pkai_colab.ipynb"
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning")


def read() -> Any:
    return nbformat.read(NOTEBOOK, as_version=4)  # type: ignore[no-untyped-call]


def code_cells(notebook: Any) -> list[Any]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def shown(notebook: Any) -> tuple[int, str]:
    """How many pictures there are, and all that was printed."""
    outputs = [output for cell in code_cells(notebook) for output in cell.outputs]
    pictures = sum("image/png" in output.get("data", {}) for output in outputs)
    return pictures, "".join(output.get("text", "") for output in outputs)


def test_the_notebook_runs_from_top_to_bottom(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    need(bool(instruments.available(tmp_path)), "a piano sound font")
    monkeypatch.setenv("PKAI_STEPS", "20")
    monkeypatch.setenv("PYTHONPATH", f"{ROOT / 'lambda'}{os.pathsep}{ROOT}")
    notebook = read()
    for cell in code_cells(notebook):
        cell.outputs = []
    NotebookClient(
        notebook, timeout=600, kernel_name="python3", resources={"metadata": {"path": NOTEBOOK.parent}}
    ).execute()
    pictures, printed = shown(notebook)
    assert pictures >= 4
    assert "3 performances of 3 pieces" in printed
    assert "fur-elise-4-beginner-grand" in printed
    assert "of 100, likely" in printed


def test_what_is_committed_was_run_without_an_error_and_shows_what_it_does() -> None:
    cells = code_cells(read())
    assert all(cell.execution_count for cell in cells)
    kinds = {output.output_type for cell in cells for output in cell.outputs}
    assert "error" not in kinds
    assert all(output.get("name") != "stderr" for cell in cells for output in cell.outputs)  # progress is for who waits
    pictures, printed = shown(read())
    assert pictures >= 4
    assert "of 100, likely" in printed
    assert str(ROOT) not in NOTEBOOK.read_text(encoding="utf-8")
    assert NOTEBOOK.stat().st_size < 3_000_000


def test_as_a_page_it_reads_as_a_tutorial() -> None:
    page, _ = HTMLExporter().from_notebook_node(read())  # type: ignore[no-untyped-call]
    chapters = [
        "Install",
        "Settings",
        "played well",
        "skill ladder",
        "Train PDR and APR",
        "Learning curves",
        "Score",
        "See why",
    ]
    found = [page.index(chapter) for chapter in chapters]
    assert min(found) > 0
    assert found[4:] == sorted(found[4:])
    assert page.count("<img") >= 4
