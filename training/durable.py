"""Texts and tables that a crash cannot cut in half."""

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path

from pkai.durable import replace_bytes


def replace_text(path: Path, text: str) -> None:
    """Put `text` (UTF-8) in place of what `path` holds, all of it or nothing."""
    replace_bytes(path, text.encode())


def replace_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """The same for a table: a header, then rows, each ended by one line feed."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    replace_text(path, text.getvalue())
