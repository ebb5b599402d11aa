"""Runs as small YAML files that hold only what differs from the defaults; what does not fit is refused."""

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Self, TypeVar, cast, get_args, get_origin, get_type_hints

import yaml

from pkai.features import FeatureConfig
from pkai.segments import SegmentConfig
from training.bounds import require
from training.fitting.augmentation import Augmentation
from training.fitting.losses import LossConfig
from training.fitting.snippets import SamplingConfig
from training.ladder.flaws import FAMILIES
from training.networks.ranker import NetworkConfig

T = TypeVar("T")
INFINITY = float("inf")


@dataclass(frozen=True, kw_only=True)
class RunConfig:
    """How a network is trained.

    Attributes
    ----------
    name : of the architecture, and of its folder in `model/`
    n_steps : of the optimizer
    n_excerpts, n_versions : in a batch
    accumulate : batches whose gradients make one step
    learning_rate, weight_decay : of AdamW
    gradient_clip : greatest norm
    precision : of the arithmetic; "auto" is bfloat16 where the machine computes with it, for it halves the memory and
        needs no scaling of the loss, and 32 bits elsewhere, where it would be imitated at an eighth of their speed
    average_decay : of the exponential moving average of the weights, which is what is exported
    indifference : severity that listeners would hardly agree on
    emphasis : family of flaws -> factor of its share in the ranking; people hear tempo first, so much so that
        recordings of one piece sorted by length alone are in the right order in three quarters of the pairs
    local_share : how much a snippet is judged by its own flaws, the rest by those of its whole version
    across_pieces : weight of a pair of different excerpts against one of the same; small, for such pairs are ten times
        as many and teach that tempo says nothing
    flaw_weight : of sensing the flaws of each family, the second task
    validate_every : steps between validations and checkpoints
    validation_batches : in a validation
    select_by : share of the pairs of unheard pieces ranked right by which the best checkpoint is kept; of those that
        differ audibly, or clearly
    patience : validations without gain after which training ends; never if None, for the learning rate falls to zero
        over all steps, and the last ones gain most
    seed : of weights, batches and augmentation
    features, segments : how the network hears; the shards must have the same mel bands
    """

    name: str = "pdr"
    n_steps: int = 1600
    n_excerpts: int = 10
    n_versions: int = 6
    accumulate: int = 1
    learning_rate: float = 2e-3
    weight_decay: float = 1e-2
    gradient_clip: float = 5.0
    precision: Literal["auto", "bf16-mixed", "16-mixed", "32-true"] = "auto"
    average_decay: float = 0.995
    indifference: float = 0.08
    emphasis: dict[str, float] = field(default_factory=lambda: {"tempo": 8.0})
    local_share: float = 0.6
    across_pieces: float = 0.02
    flaw_weight: float = 0.5
    validate_every: int = 250
    validation_batches: int = 12
    select_by: Literal["accuracy", "clear_accuracy"] = "accuracy"
    patience: int | None = None
    seed: int = 0
    features: FeatureConfig = field(default_factory=FeatureConfig)
    segments: SegmentConfig = field(default_factory=SegmentConfig)
    sampling: SamplingConfig = field(default_factory=SamplingConfig)
    loss: LossConfig = field(default_factory=LossConfig)
    network: NetworkConfig = field(default_factory=NetworkConfig)
    augmentation: Augmentation = field(default_factory=Augmentation)

    def __post_init__(self) -> None:
        if not self.name or Path(self.name).name != self.name:
            raise ValueError(f"name is {self.name!r}; it must be the name of a folder")
        require(self, 1, INFINITY, "n_steps", "n_excerpts", "accumulate", "validate_every", "validation_batches")
        require(self, 2, INFINITY, "n_versions")
        require(self, 1, INFINITY, "patience")
        require(self, 0.0, INFINITY, "learning_rate", "gradient_clip", "indifference", above=True)
        require(self, 0.0, INFINITY, "weight_decay", "flaw_weight", "across_pieces", "seed")
        require(self, 0.0, 1.0, "average_decay", "local_share")
        unknown = sorted(set(self.emphasis) - set(FAMILIES))
        if unknown:
            raise ValueError(f"emphasis names no family {unknown[0]!r}; there are: {', '.join(FAMILIES)}")
        if min(self.emphasis.values(), default=0.0) < 0:
            raise ValueError(f"emphasis is {self.emphasis}; none may be negative")
        if self.network.base == "resnet18" and self.loss.disparity:
            raise ValueError(
                f"loss.disparity is {self.loss.disparity}; resnet18 has no evidence over time, so it must be 0"
            )

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """A run from plain values.

        Raises
        ------
        ValueError
            If a key is unknown, when the message lists those there are; if a value is of another type than its
            setting, or out of its range, when the message says what it must be.
        """
        return build(cls, values)

    @classmethod
    def read(cls, path: Path) -> Self:
        """A run from a YAML file.

        Raises
        ------
        ValueError
            If the file is no mapping, or as in `from_dict`; the message begins with the file's name.
        """
        try:
            values = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
        except (yaml.YAMLError, UnicodeDecodeError) as err:
            raise ValueError(f"{path.name} is not YAML: {err}") from err
        if not isinstance(values, dict):
            raise ValueError(f"{path.name} must hold a mapping of settings")
        try:
            return cls.from_dict(values)
        except ValueError as err:
            raise ValueError(f"{path.name}: {err}") from err


def build(cls: type[T], values: dict[str, Any], *, within: str = "") -> T:
    """A frozen dataclass of settings from plain values, each held against its type.

    Parameters
    ----------
    cls : dataclass
    values : by the name of the setting
    within : what precedes the names in messages, such as "network."

    Raises
    ------
    ValueError
        As `RunConfig.from_dict` says.
    """
    hints = get_type_hints(cls)
    known = {each.name: hints[each.name] for each in dataclasses.fields(cast(Any, cls))}
    unknown = sorted(map(str, set(values) - set(known)))
    if unknown:
        raise ValueError(f"unknown setting {unknown[0]!r} of {cls.__name__}; there are: {', '.join(sorted(known))}")
    return cls(**{key: _value(known[key], value, within + key) for key, value in values.items()})


_WORDS = {int: "a whole number", float: "a number", str: "a text", bool: "true or false", NoneType: "nothing"}


def _value(kind: Any, value: Any, name: str) -> Any:
    """The value as its setting wants it: numbers widened, lists as tuples, mappings as their parts."""
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        if not isinstance(value, dict):
            raise ValueError(f"{name} is {value!r}; it must be a mapping of settings")
        return build(kind, value, within=f"{name}.")
    if get_origin(kind) is UnionType:
        return None if value is None else _value(get_args(kind)[0], value, name)
    if get_origin(kind) is tuple and isinstance(value, list | tuple):
        return tuple(_value(get_args(kind)[0], part, name) for part in value)
    if get_origin(kind) is dict and isinstance(value, dict):
        return {_value(str, key, name): _value(get_args(kind)[1], part, f"{name}.{key}") for key, part in value.items()}
    if kind is float and type(value) is int:
        return float(value)
    fits = value in get_args(kind) if get_origin(kind) is Literal else type(value) is kind
    if not fits:
        raise ValueError(f"{name} is {value!r}; it must be {_wanted(kind)}{_exponent(kind, value)}")
    return value


def _wanted(kind: Any) -> str:
    if get_origin(kind) is Literal:
        return "one of " + ", ".join(map(repr, get_args(kind)))
    if get_origin(kind) is tuple:
        return f"a list, of which each is {_WORDS[get_args(kind)[0]]}"
    return "a mapping" if get_origin(kind) is dict else _WORDS[kind]


def _exponent(kind: Any, value: Any) -> str:
    """YAML reads 1e-3 as a text, which nobody expects."""
    if kind is not float or not isinstance(value, str):
        return ""
    try:
        return f"; YAML wants it written {float(value):.1e}"
    except ValueError:
        return ""
