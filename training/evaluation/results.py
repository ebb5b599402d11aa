"""Figures on the disk: one small JSON file for each evaluation, which the model card is written from."""

import json
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from training.durable import replace_text
from training.evaluation.evaluate import rounded

FOLDER = "results"
SCHEMA = 1


def write(path: Path, kind: str, command: str, figures: Mapping[str, Any]) -> None:
    """Write the figures of one evaluation.

    Parameters
    ----------
    path : of the file, usually `model/results/<something>.json`
    kind : of evaluation; tells the card how to read it
    command : that gives the figures again
    figures : plain values and dataclasses; floats are rounded to six digits
    """
    content = {"schema": SCHEMA, "kind": kind, "command": command, **rounded(dict(figures))}
    replace_text(path, json.dumps(content, indent=1) + "\n")


def read(folder: Path) -> list[dict[str, Any]]:
    """Every result of a folder in the order of the files' names; none if there is no such folder.

    Raises
    ------
    ValueError
        If a file is no result of this version's.
    """
    found = []
    for path in sorted(folder.glob("*.json")):
        try:
            result = json.loads(path.read_text(encoding="utf-8"))
        except (UnicodeDecodeError, json.JSONDecodeError) as err:
            raise ValueError(f"{path.name} is not JSON: {err}; make it anew") from err
        if not isinstance(result, dict) or result.get("schema") != SCHEMA or "kind" not in result:
            raise ValueError(f"{path.name} is no result of schema {SCHEMA}; make it anew")
        found.append(result)
    return found


def command_line(step: str, data: Path | None, options: Mapping[str, object], *, within: str = "DATA") -> str:
    """How to call a step again on anybody's machine: data by the name of its folder, options that are not None.

    Parameters
    ----------
    step : of `pkai-train`
    data : folder of the data, or None
    options : name -> value, or list of values; True is a flag
    within : where that folder lies; the ladder, which is made and not fetched, in "cache"
    """
    words = ["pkai-train", step, *([] if data is None else [f"{within}/{data.resolve().name}"])]
    for name, value in options.items():
        if value is None or value is False:
            continue
        values = [] if value is True else value if isinstance(value, list | tuple) else [value]
        words += [f"--{name}", *map(str, values)]
    return shlex.join(words)
