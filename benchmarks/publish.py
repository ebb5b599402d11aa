"""`python -m benchmarks.publish`: put the tables of what was measured into the documents, and draw docs/benchmark.png.

A table stands between `<!-- benchmark: PART -->` and `<!-- /benchmark -->`; nothing there is written by hand.
"""

import argparse
import re
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from benchmarks import formats, image, lengths, profile, records, shares, starts
from benchmarks.processes import ROOT
from benchmarks.records import Measured

DOCUMENTS = (ROOT / "README.md", ROOT / "docs" / "benchmark.md")
PICTURE = ROOT / "docs" / "benchmark.png"
TABLES: dict[str, Callable[[Measured], Iterable[str]]] = {
    "starts": starts.table,
    "lengths": lengths.table,
    "formats": formats.table,
    "profile": profile.table,
    "shares": shares.table,
    "image": image.table,
}
_REGION = re.compile(r"(<!-- benchmark: (\w+) -->\n).*?(<!-- /benchmark -->)", re.DOTALL)


def with_tables(text: str, folder: Path = records.FOLDER) -> str:
    """A document with every table as the records have it, and under it what it was measured on."""

    def renewed(region: re.Match[str]) -> str:
        recorded = records.read(region[2], folder)
        lines = "\n".join((*TABLES[region[2]](recorded), "", records.line(recorded)))
        return f"{region[1]}\n{lines}\n\n{region[3]}"

    return _REGION.sub(renewed, text)


def main(argv: list[str] | None = None) -> int:
    """Renew the documents and the picture."""
    argparse.ArgumentParser(prog="python -m benchmarks.publish", description=__doc__).parse_args(argv)
    from benchmarks import plot  # only here: `benchmarks.run`, which also prints tables, should hold little

    for document in DOCUMENTS:
        document.write_text(with_tables(document.read_text(encoding="utf-8")), encoding="utf-8")
    plot.draw(PICTURE)
    return 0


if __name__ == "__main__":
    sys.exit(main())
