"""Build the skill ladder on disk: excerpts, their versions, renderings and features, in shards that can be resumed."""

import hashlib
import json
import logging
import multiprocessing
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field, fields
from functools import lru_cache, partial
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from pkai import features, playing
from pkai.features import FeatureConfig
from training.durable import replace_text
from training.ladder import excerpts, manner
from training.ladder.excerpts import ExcerptConfig, Source
from training.ladder.flaws import Flaws, draw_apart, draw_flaws
from training.ladder.manner import MannerConfig
from training.ladder.skill_ladder import LABEL_STEP_S, degrade
from training.sound import instruments, studio
from training.sound.instruments import Instrument
from training.sound.rendering import Renderer

logger = logging.getLogger(__name__)

Part = Literal["train", "validation", "apart", "apart-validation"]
Draw = Callable[[np.random.Generator], Flaws]
_SEED_OF_PART: dict[Part, int] = {"train": 0, "validation": 1, "apart": 2, "apart-validation": 3}
_ABOUT = "ladder.json"


@dataclass(frozen=True, kw_only=True)
class LadderConfig:
    """How large the ladder is and how far down it goes.

    Attributes
    ----------
    n_shards, excerpts_per_shard : their product is the number of excerpts to train on
    n_validation_shards : besides, of pieces that training never hears
    n_apart_shards, n_apart_validation_shards : besides, of the same pieces each, every version with a few families of
        flaws, to tell these apart
    n_versions : of each excerpt; the first has no flaw
    worst : greatest severity drawn; lesser ones come more often, for there people are hard to tell apart
    longest_s : versions are cut there, so that a slow one does not outweigh its siblings
    validation_share : share of the pieces that training never hears
    seed : of everything drawn
    """

    n_shards: int = 34
    n_validation_shards: int = 3
    n_apart_shards: int = 12
    n_apart_validation_shards: int = 2
    excerpts_per_shard: int = 64
    n_versions: int = 6
    worst: float = 1.0
    longest_s: float = 34.0
    validation_share: float = 0.15
    seed: int = 0
    excerpts: ExcerptConfig = field(default_factory=ExcerptConfig)
    manner: MannerConfig = field(default_factory=MannerConfig)
    features: FeatureConfig = field(default_factory=FeatureConfig)


@dataclass(frozen=True)
class Shard:
    """Versions of some excerpts.

    Attributes
    ----------
    frames : (sum of lengths, M) float16 features, version after version
    damage : (sum of label steps, F) float16, version after version
    places : (sum of label steps,) float32 how far the music has come, as in `Version`
    lengths, label_lengths : (V,) frames and label steps of each version
    excerpt : (V,) which excerpt a version is of
    pieces : (V,) name of the piece
    severity : (V,) mean realised severity
    """

    frames: npt.NDArray[np.float16]
    damage: npt.NDArray[np.float16]
    places: npt.NDArray[np.float32]
    lengths: npt.NDArray[np.int64]
    label_lengths: npt.NDArray[np.int64]
    excerpt: npt.NDArray[np.int64]
    pieces: npt.NDArray[np.str_]
    severity: npt.NDArray[np.float32]


def is_validation(piece: str, share: float) -> bool:
    """Whether a piece is kept from training; the same on every machine, whatever other pieces there are."""
    digest = hashlib.sha256(piece.encode()).digest()
    return int.from_bytes(digest[:4], "big") / 2**32 < share


def build(sources: tuple[Source, ...], folder: Path, cache: Path, config: LadderConfig, *, n_workers: int) -> None:
    """Write shards to `folder` that are not there yet.

    Parameters
    ----------
    sources : performances by experts
    folder : for the shards of every part, such as `train-000.npz`
    cache : where sampled grands are kept
    config : of the ladder
    n_workers : processes

    Raises
    ------
    ValueError
        If no piece is left to train on or to validate with, or the folder holds shards of another ladder.
    FileNotFoundError
        If there is no instrument to render with.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _refuse_another(folder, sources, instruments.for_training(cache), config)
    held_out = tuple(s for s in sources if is_validation(s.piece, config.validation_share))
    trained = tuple(s for s in sources if not is_validation(s.piece, config.validation_share))
    for purpose, chosen in (("train on", trained), ("validate with", held_out)):
        if not chosen:
            pieces = len({source.piece for source in sources})
            raise ValueError(
                f"none of the {pieces} pieces is left to {purpose}; give more pieces, or another validation_share than "
                f"{config.validation_share:g}"
            )
    parts: tuple[tuple[Part, tuple[Source, ...], int], ...] = (
        ("validation", held_out, config.n_validation_shards),
        ("train", trained, config.n_shards),
        ("apart", trained, config.n_apart_shards),
        ("apart-validation", held_out, config.n_apart_validation_shards),
    )
    jobs = [
        (folder / f"{part}-{index:03d}.npz", part, chosen, cache, config, (config.seed, _SEED_OF_PART[part], index))
        for part, chosen, count in parts
        for index in range(count)
    ]
    missing = [job for job in jobs if not job[0].is_file()]
    logger.info("ladder: %d shards, %d to do", len(jobs), len(missing))
    with multiprocessing.get_context("spawn").Pool(n_workers) as pool:
        for path in pool.imap_unordered(_build_shard, missing):
            logger.info("ladder: %s done", path.name)


def _refuse_another(
    folder: Path, sources: tuple[Source, ...], pianos: tuple[Instrument, ...], config: LadderConfig
) -> None:
    """Keep beside the shards what they follow from, but for how many there are."""
    about = {name: value for name, value in asdict(config).items() if not name.endswith("_shards")}
    pieces = hashlib.sha256("\n".join(sorted(source.piece for source in sources)).encode()).hexdigest()
    about |= {"pieces": pieces, "pianos": [piano.name for piano in pianos]}
    now = json.dumps(about, indent=2, sort_keys=True)
    path = folder / _ABOUT
    if path.is_file() and path.read_text(encoding="utf-8") != now:
        raise ValueError(f"{folder} holds shards of other settings, sources or pianos; name another folder")
    replace_text(path, now)


def digest(folder: Path) -> str:
    """Of what the shards in a folder follow from, and of which there are.

    Raises
    ------
    FileNotFoundError
        If the folder holds no ladder.
    """
    names = sorted(path.name for path in folder.glob("*.npz"))
    return hashlib.sha256("\n".join([_about(folder), *names]).encode()).hexdigest()[:12]


def read(folder: Path, part: Part, features: FeatureConfig) -> list[Shard]:
    """All shards of a part.

    Parameters
    ----------
    folder : that `build` filled
    part : "train" and "validation", of mixtures of flaws; "apart" and "apart-validation", of a few families at a time
    features : of the network that hears them, which must be those that the service will compute

    Raises
    ------
    FileNotFoundError
        If there is none.
    ValueError
        If another version of P-KAI built them, or they were made by another front end.
    """
    _refuse_front_end(folder, features)
    paths = sorted(folder.glob(f"{part}-[0-9]*.npz"))
    if not paths:
        raise FileNotFoundError(f"{folder} holds no {part} shards; build the ladder first")
    found = []
    for path in paths:
        arrays = dict(np.load(path))
        if arrays.keys() != {field.name for field in fields(Shard)}:
            raise ValueError(f"{path} was built by another version of P-KAI; build the ladder again, in another folder")
        found.append(Shard(**arrays))
    return found


def _about(folder: Path) -> str:
    about = folder / _ABOUT
    if not about.is_file():
        raise FileNotFoundError(f"{folder} holds no {_ABOUT}; build the ladder first")
    return about.read_text(encoding="utf-8")


def _refuse_front_end(folder: Path, features: FeatureConfig) -> None:
    """Cepstra are made of the shards' log-mel spectra, which all else has to be the same for."""
    made = json.loads(_about(folder))["features"]
    heard = {name: value for name, value in asdict(features).items() if name not in ("kind", "n_mfcc")}
    if other := [f"{name} {made[name]} and not {value}" for name, value in heard.items() if made[name] != value]:
        raise ValueError(f"the ladder in {folder} was made with features.{', '.join(other)}; hear it as it was made")


def _build_shard(job: tuple[Path, Part, tuple[Source, ...], Path, LadderConfig, tuple[int, int, int]]) -> Path:
    path, part, sources, cache, config, seed = job
    rng = np.random.default_rng(seed)
    rungs = _apart if part in ("apart", "apart-validation") else _by_severity
    pianos = instruments.for_training(cache)
    renderer = _renderer(config.features.sample_rate)
    rows = [
        (index, *version)
        for index in range(config.excerpts_per_shard)
        for version in _versions(sources, rungs, config, pianos, renderer, rng)
    ]
    excerpt, pieces, played, damage, places = zip(*rows, strict=True)
    shard = Shard(
        frames=np.concatenate(played).astype(np.float16),
        damage=np.concatenate(damage).astype(np.float16),
        places=np.concatenate(places),
        lengths=np.array([len(frames) for frames in played]),
        label_lengths=np.array([len(steps) for steps in damage]),
        excerpt=np.array(excerpt),
        pieces=np.array(pieces),
        severity=np.array([steps.sum(axis=1).mean() for steps in damage], np.float32),
    )
    part_of_file = path.with_suffix(".part")
    with part_of_file.open("wb") as file:
        np.savez(file, **vars(shard))
    part_of_file.replace(path)
    return path


@lru_cache(maxsize=1)
def _renderer(sample_rate: int) -> Renderer:
    """The worker's own: loading the larger sound fonts takes seconds."""
    return Renderer(sample_rate)


def _by_severity(config: LadderConfig, rng: np.random.Generator) -> list[Draw]:
    """No flaws, then a mixture of them for each step of severity."""
    steps = (np.arange(1, config.n_versions) - rng.random(config.n_versions - 1)) / (config.n_versions - 1)
    return [partial(draw_flaws, float(severity)) for severity in (0.0, *(config.worst * steps**1.3))]


def _apart(config: LadderConfig, _: np.random.Generator) -> list[Draw]:
    """No flaws, then a few families of them at a time."""
    return [partial(draw_flaws, 0.0), *[draw_apart] * (config.n_versions - 1)]


def _versions(
    sources: tuple[Source, ...],
    rungs: Callable[[LadderConfig, np.random.Generator], list[Draw]],
    config: LadderConfig,
    pianos: tuple[Instrument, ...],
    renderer: "Renderer",
    rng: np.random.Generator,
) -> Iterator[tuple[str, npt.NDArray[np.float32], npt.NDArray[np.float32], npt.NDArray[np.float32]]]:
    """Piece, features, damage and places of each version of one new excerpt."""
    piece, excerpt = excerpts.draw_from(sources, config.excerpts, rng)
    for draw in rungs(config, rng):
        in_manner = manner.played(excerpt, manner.draw(config.manner, rng))
        version = degrade(in_manner, draw(rng), rng).until(config.longest_s)
        sound = studio.record(version.performance, pianos, renderer, rng)
        mel = features.mel_frames([sound], config.features)
        start, stop = playing.span(mel, config.features)
        played = features.normalise(mel[start:stop], config.features)
        heard = _steps_heard(start, stop, config.features)
        in_damage = np.clip((heard / LABEL_STEP_S).astype(int), 0, version.damage.shape[1] - 1)
        of_places = (np.arange(len(version.places)) + 0.5) * LABEL_STEP_S
        places = np.interp(heard, of_places, version.places).astype(np.float32)
        yield piece, played, np.ascontiguousarray(version.damage[:, in_damage].T), places


def _steps_heard(start: int, stop: int, config: FeatureConfig) -> npt.NDArray[np.float64]:
    """Middles of steps of LABEL_STEP_S over the played part of a recording, in seconds of the whole of it."""
    n_steps = max(1, int(np.ceil((stop - start) / config.frames_per_s / LABEL_STEP_S)))
    return np.asarray(start / config.frames_per_s + (np.arange(n_steps) + 0.5) * LABEL_STEP_S, np.float64)
