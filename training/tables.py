"""CSV tables that people write: read strictly, and what is broken is told by file and line."""

import csv
import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any


def records(path: Path, needed: Sequence[str]) -> Iterator[tuple[int, dict[str, Any]]]:
    """Line and cells by column of each row; cells that a row lacks are empty.

    Parameters
    ----------
    path : of the table, in UTF-8, with a header
    needed : columns that must be there

    Raises
    ------
    ValueError
        If a column is missing, a row has more cells than there are columns, or the table is broken; the message names
        the line.
    OSError
        If the file cannot be read.
    """
    reader = csv.DictReader(_text(path), restval="", strict=True)
    with _told(path, reader.reader):
        if missing := [name for name in needed if name not in (reader.fieldnames or ())]:
            raise ValueError(
                f"{path.name} line 1: needs the columns {','.join(needed)}; {', '.join(missing)} is missing"
            )
        for row in reader:
            refuse_more(path, reader.line_num, row.pop(None, ()))
            yield reader.line_num, row


def refuse_more(path: Path, line: int, cells: Sequence[str]) -> None:
    """Refuse cells of a row that no column is over, but for empty ones, as spreadsheets leave them.

    Raises
    ------
    ValueError
        If there are any.
    """
    if any(cell.strip() for cell in cells):
        raise ValueError(
            f"{path.name} line {line}: has more cells than there are columns; put a cell with a comma in quotes"
        )


def rows(path: Path) -> list[tuple[int, list[str]]]:
    """Line and cells, without the space around them, of each row that has any; errors as of `records`."""
    reader = csv.reader(_text(path), strict=True)
    with _told(path, reader):
        return [(reader.line_num, [cell.strip() for cell in row]) for row in reader if row]


def _text(path: Path) -> io.StringIO:
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as err:
        raise ValueError(f"{path.name} is not UTF-8; save it as CSV in UTF-8") from err
    first = text.partition("\n")[0]
    if ";" in first and "," not in first:
        raise ValueError(f"{path.name} is parted by semicolons; save it with commas between the cells")
    return io.StringIO(text, newline="")


@contextmanager
def _told(path: Path, reader: Any) -> Iterator[None]:
    try:
        yield
    except csv.Error as err:
        raise ValueError(
            f"{path.name}, up to line {reader.line_num}: {err}; a cell that begins with a quote ends with one"
        ) from err
