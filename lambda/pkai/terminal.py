"""What a terminal can show: its width, its colours, its characters."""

import shutil
import unicodedata
from dataclasses import dataclass
from typing import TextIO

MIN_WIDTH, MAX_WIDTH = 64, 100
_SGR = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}
_ASCII = str.maketrans(
    {
        "━": "=", "─": "-", "│": "|", "┤": "|", "└": "+", "┬": "+", "●": "O", "┝": "[", "┥": "]", "▸": ">",
        "▲": "^", "▼": "v", "·": "|", "–": "-", "…": "~", "█": "#", "░": ".", "▌": "#",
        "▁": "_", "▂": ".", "▃": ":", "▄": "-", "▅": "=", "▆": "+", "▇": "*",
    }
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Terminal:
    """How to lay out lines for people.

    Attributes
    ----------
    width : columns
    colour : whether colours are shown
    plain_ascii : whether bars and marks must do with ASCII
    """

    width: int = 80
    colour: bool = False
    plain_ascii: bool = False

    @classmethod
    def of(cls, stream: TextIO, *, colour_is_welcome: bool) -> "Terminal":
        """Find out what the place can show that `stream` writes to."""
        return cls(
            width=min(MAX_WIDTH, max(MIN_WIDTH, shutil.get_terminal_size((80, 24)).columns)),
            colour=stream.isatty() and colour_is_welcome,
            plain_ascii=not _can_write_bars(stream.encoding),
        )

    def paint(self, text: str, *styles: str) -> str:
        """Text in colour, where there is colour; it takes up no more columns, and spaces at its end stay bare."""
        shown = text.rstrip(" ")
        if not self.colour or not shown:
            return text
        return f"\x1b[{';'.join(_SGR[style] for style in styles)}m{shown}\x1b[0m{text[len(shown) :]}"

    def spell(self, line: str) -> str:
        """A line in the characters that can be shown."""
        return line.translate(_ASCII) if self.plain_ascii else line


def minutes(time_s: float) -> str:
    """A time as m:ss, rounded to the second."""
    whole = round(time_s)
    return f"{whole // 60}:{whole % 60:02d}"


def columns(text: str) -> int:
    """Columns that a text takes up: two for wide letters, none for accents that join the letter before."""
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def fit(text: str, width: int) -> str:
    """Text cut, with an ellipsis, or padded to exactly `width` columns, 1 at least; what is no letter becomes "?"."""
    text = printable(text)
    if columns(text) > width:
        while text and columns(text) > width - 1:
            text = text[:-1]
        text += "…"
    return text + " " * (width - columns(text))


def printable(text: str) -> str:
    """Text that cannot steer the terminal, nor fail to be written: a file may have any name."""
    return "".join(c if c.isprintable() else "?" for c in text)


def _can_write_bars(encoding: str | None) -> bool:
    try:
        "━●█▁▲".encode(encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True
