"""Runs as small YAML files that hold only what differs from the defaults; unknown keys are refused."""

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self, TypeVar, get_type_hints

import yaml

from training.augmentation import Augmentation
from training.networks import NetworkConfig
from training.skill_ladder import FAMILIES

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class RunConfig:
    """How a network is trained.

    Attributes
    ----------
    name : of the architecture, and of its folder in `model/`
    n_steps : batches
    n_excerpts, n_versions : in a batch
    learning_rate, weight_decay : of AdamW
    gradient_clip : greatest norm
    average_decay : of the exponential moving average of the weights, which is what is exported
    indifference : severity that listeners would hardly agree on
    emphasis : family of flaws -> factor of its share in the ranking; people hear tempo first, so much so that
        recordings of one piece sorted by length alone are in the right order in three quarters of the pairs
    local_share : how much a snippet is judged by its own flaws, the rest by those of its whole version
    across_pieces : weight of a pair of different excerpts against one of the same; small, for such pairs are ten times
        as many and teach that tempo says nothing
    flaw_weight : of the second task
    validate_every : batches between validations and checkpoints
    validation_batches : in a validation
    seed : of weights, batches and augmentation
    """

    name: str = "pdr"
    n_steps: int = 1500
    n_excerpts: int = 10
    n_versions: int = 6
    learning_rate: float = 2e-3
    weight_decay: float = 1e-2
    gradient_clip: float = 5.0
    average_decay: float = 0.995
    indifference: float = 0.08
    emphasis: dict[str, float] = field(default_factory=lambda: {"tempo": 4.0})
    local_share: float = 0.4
    across_pieces: float = 0.02
    flaw_weight: float = 0.5
    validate_every: int = 250
    validation_batches: int = 12
    seed: int = 0
    network: NetworkConfig = field(default_factory=NetworkConfig)
    augmentation: Augmentation = field(default_factory=Augmentation)

    def __post_init__(self) -> None:
        unknown = sorted(set(self.emphasis) - set(FAMILIES))
        if unknown:
            raise ValueError(f"emphasis names no family {unknown[0]!r}; there are: {', '.join(FAMILIES)}")

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """A run from plain values.

        Raises
        ------
        ValueError
            If a key is unknown; the message lists those there are.
        """
        return _build(cls, values)

    @classmethod
    def read(cls, path: Path) -> Self:
        """A run from a YAML file.

        Raises
        ------
        ValueError
            If the file is no mapping or has an unknown key.
        """
        values = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
        if not isinstance(values, dict):
            raise ValueError(f"{path.name} must hold a mapping of settings")
        return cls.from_dict(values)


def _build(cls: type[T], values: dict[str, Any]) -> T:
    known = get_type_hints(cls)
    unknown = sorted(set(values) - set(known))
    if unknown:
        raise ValueError(f"unknown setting {unknown[0]!r} of {cls.__name__}; there are: {', '.join(sorted(known))}")
    return cls(**{key: _value(known[key], value) for key, value in values.items()})


def _value(kind: Any, value: Any) -> Any:
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        return _build(kind, value)
    return tuple(value) if isinstance(value, list) else value
