"""Recipes: what a data set is, where it lies, what one may do with it, and how to know that it came whole."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

import yaml

_SHIPPED = Path(__file__).parents[1] / "recipes"

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class RemoteFile:
    """One file to download.

    Attributes
    ----------
    sha256 : None where none was published; what came first (no web page) is then recorded and expected ever after
    path : where it goes, under the recipe's folder
    """

    url: str
    path: str
    sha256: str | None = None

    def __post_init__(self) -> None:
        _check_path(self.path)
        _check_sum(self.sha256)


@dataclass(frozen=True, kw_only=True)
class Archive:
    """One archive (.tar.gz) to download and unpack, without its single top folder if it has one.

    Attributes
    ----------
    sha256 : as for `RemoteFile`; an address with a commit in it says what is inside all the same
    include : patterns of what to unpack, matched from the right (`*.mid` in any folder); everything by default
    """

    url: str
    sha256: str | None = None
    include: tuple[str, ...] = ("*",)

    def __post_init__(self) -> None:
        _check_sum(self.sha256)


@dataclass(frozen=True, kw_only=True)
class ClipList:
    """A list of videos to download and cut.

    Attributes
    ----------
    list : CSV as `videos.read_clips` reads it, under the recipe's folder
    prefix : only clips whose names begin so
    corrections : name -> column -> what should stand there
    """

    list: str
    prefix: str = ""
    corrections: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _check_path(self.list)


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """A data set: its description, and what to download."""

    name: str
    what: str
    source: str
    licence: str
    cite: str = ""
    files: tuple[RemoteFile, ...] = ()
    archives: tuple[Archive, ...] = ()
    clips: ClipList | None = None

    def __post_init__(self) -> None:
        _check_path(self.name)
        if not (self.files or self.archives or self.clips):
            raise ValueError("a recipe needs files, archives or clips")


def shipped_recipes() -> dict[str, Path]:
    """Name -> file of the recipes that come with P-KAI."""
    return {path.stem: path for path in sorted(_SHIPPED.glob("*.yaml"))}


def read_recipe(path: Path) -> Recipe:
    """Read a recipe, strictly.

    Raises
    ------
    ValueError
        If a key is unknown or missing, or a path leads out of the recipe's folder.
    """
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
        if not isinstance(raw, dict):
            raise ValueError("a recipe is a mapping with name, what, source and licence")
        raw["files"] = tuple(_build(RemoteFile, entry) for entry in raw.get("files", ()))
        raw["archives"] = tuple(
            _build(Archive, {**entry, "include": tuple(entry.get("include", ("*",)))})
            for entry in raw.get("archives", ())
        )
        raw["clips"] = _build(ClipList, raw["clips"]) if "clips" in raw else None
        return _build(Recipe, raw)
    except (yaml.YAMLError, ValueError, TypeError) as err:
        raise ValueError(f"{path.name}: {err}") from err


def _build(kind: type[T], raw: Mapping[str, Any]) -> T:
    known = [f.name for f in fields(kind)]  # type: ignore[arg-type]  # only dataclasses come here
    if unknown := sorted(set(raw) - set(known)):
        raise ValueError(f"{', '.join(unknown)} is not known; there is {', '.join(known)}")
    return kind(**raw)


def _check_path(path: str) -> None:
    parts = PurePosixPath(path)
    if not path or parts.is_absolute() or ".." in parts.parts:
        raise ValueError(f"path {path!r} has to stay inside the recipe's folder")


def _check_sum(sha256: object) -> None:
    if sha256 is not None and not (isinstance(sha256, str) and re.fullmatch(r"[0-9a-f]{64}", sha256)):
        raise ValueError(f"sha256 {sha256!r} is none; it is 64 digits 0-9a-f, in quotes where all are 0-9, or null")
