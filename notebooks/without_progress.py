"""Take the progress of training, which goes to the standard error, out of what the notebook shows."""

from pathlib import Path
from typing import Any

import nbformat

NOTEBOOK = Path(__file__).parent / "pkai_colab.ipynb"


def main() -> None:
    """Rewrite the notebook in place."""
    notebook: Any = nbformat.read(NOTEBOOK, as_version=4)  # type: ignore[no-untyped-call]
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = [output for output in cell.outputs if output.get("name") != "stderr"]
    nbformat.write(notebook, NOTEBOOK)  # type: ignore[no-untyped-call]


if __name__ == "__main__":
    main()
