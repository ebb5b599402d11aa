"""From a shipped model and labelled pairs of one's own recordings to a model folder of one's own."""

import dataclasses
import json
import logging
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pkai.artifact import Manifest
from pkai.calibration import Calibration
from pkai.diagnosis import FamilyScale
from pkai.scorer import Judge
from training.fine_tuning import fine_tune, recordings, variants, verdicts
from training.fine_tuning.fine_tune import Course, Division, FineTuning, Listening
from training.fine_tuning.variants import VariantConfig
from training.fine_tuning.verdicts import Verdicts
from training.labels.folds import Fold
from training.labels.pairs import Pair, recordings_of
from training.model import export, grad_cam, references, weights
from training.people import calibrate
from training.sound import instruments

logger = logging.getLogger(__name__)

# Odds fitted to fewer pairs than these would be an accident; then the shipped ones are kept.
_PAIRS_FOR_ODDS = 50
# ... and few pairs are soon all ranked right, which would make any odds certain.
_SURER_AT_MOST = 2.0


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What came of it.

    Attributes
    ----------
    before, after : of the held-out pairs, by the shipped and by the fine-tuned model
    written : whether there is a new model folder
    course : of the fine-tuning
    """

    before: Verdicts
    after: Verdicts
    written: bool
    course: Course

    @property
    def helped(self) -> bool:
        """Whether more of the held-out pairs are ranked right."""
        return self.after.accuracy.value > self.before.accuracy.value


def make(
    shipped: Path,
    name: str,
    folder: Path,
    pairs: Sequence[Pair],
    fold: Fold | None,
    out: Path,
    how: FineTuning,
    *,
    version: str | None = None,
    force: bool = False,
    with_references: bool = True,
    cache: Path = Path("cache"),
    vary: VariantConfig | None = None,
) -> Outcome:
    """Fine-tune, measure on recordings held out, and write `<out>/<name>/` and `<out>/references/` if that helped.

    Parameters
    ----------
    shipped : model folder to start from
    name : of the architecture in it
    folder : with the recordings
    pairs : with labels
    fold : made earlier, whose held-out pairs are held out; drawn if None
    out : new model folder; holds the checkpoint until it is written
    how : to fine-tune
    version : of the new weights; else the shipped one's with `+own`
    force : write the model even if it ranks the held-out pairs no better
    with_references : play and score the reference performances anew, if this machine has a piano
    cache : of sampled grands
    vary : variants of the recordings to train on; none if None

    Raises
    ------
    ValueError
        If recordings or labels are missing or too few.
    ModelError
        If the shipped model is damaged or has no weights to start from.
    """
    if out.resolve() == shipped.resolve():
        raise ValueError(f"{out} is the model to start from; name another folder for the new one")
    judge = Judge.load(shipped, name)
    mean, network = weights.read(shipped / name)
    files = recordings.find(
        folder, recordings_of(pair for pair in (*pairs, *(fold.held_out if fold else ())) if pair.label is not None)
    )
    division = fine_tune.divide(pairs, fold, seed=how.seed)
    used = recordings_of([*division.train, *division.validation, *division.held_out])
    files = {name: files[name] for name in used}
    heard = recordings.hear(judge, files)
    checkpoint = out / ".fine-tune.ckpt"
    old = judge.manifest
    trained = {name: files[name] for name in recordings_of(division.train)}
    course = fine_tune.fine_tune(
        mean,
        {n: h.features for n, h in heard.items()},
        division,
        how,
        listening(old),
        checkpoint,
        variants=variants.hear(
            trained, old.features, vary or VariantConfig(), least_frames=listening(old).snippet_frames
        ),
    )
    graph = export.to_onnx(mean, old.features, old.segments)
    explanation = grad_cam.to_onnx(mean, graph, old.features, old.segments)

    def write(to: Path, calibration: Calibration, metrics: dict[str, Any]) -> None:
        export.write(
            to,
            graph,
            weights.pack(mean, network),
            name=name,
            version=version or f"{old.version}+own",
            features=old.features,
            cut=old.segments,
            calibration=calibration,
            diagnosis=costing(dict(zip(old.families, old.diagnosis, strict=True)), old.calibration, calibration),
            metrics=metrics,
            training=_origin(shipped / name, old, division, how, course),
            explanation=explanation,
        )

    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch)
        _without_references(root)
        write(root / name, old.calibration, {})
        scores_after = {n: h.score for n, h in recordings.hear(Judge.load(root, name), files).items()}
    scores_before = {n: h.score for n, h in heard.items()}
    calibration, judged = (
        recalibrated(old.calibration, scores_before, scores_after, untrained)
        for untrained in ([*division.validation, *division.held_out], division.validation)
    )
    outcome = Outcome(
        before=verdicts.against(division.held_out, scores_before, tie_band=old.calibration.tie_band),
        after=verdicts.against(division.held_out, scores_after, tie_band=judged.tie_band),  # not fitted to these
        written=False,
        course=course,
    )
    if not outcome.helped and not force:
        return outcome
    metrics = {"own_recordings": {"before": outcome.before.as_plain(), "after": outcome.after.as_plain()}}
    write(out / name, calibration, metrics)
    _write_references(out, cache, with_references=with_references)
    checkpoint.unlink(missing_ok=True)
    return dataclasses.replace(outcome, written=True)


def recalibrated(
    old: Calibration, before: Mapping[str, float], after: Mapping[str, float], untrained: Sequence[Pair]
) -> Calibration:
    """A calibration for the new scores.

    Ratings keep their meaning: the recordings' mean rating and their spread stay what they were. Odds and tie band
    are fitted to the pairs that were not trained on, if these are many enough, and else move along with the ratings.

    Parameters
    ----------
    old : of the shipped model
    before, after : score of each recording by the shipped and by the new model
    untrained : labelled pairs; of those only what people answered counts, as nobody hears equal in what follows
    """
    untrained = [pair for pair in untrained if pair.answered]
    x, y = (np.array([scores[name] for name in sorted(before)]) for scores in (before, after))
    slope = float(y.std() / x.std()) if x.std() > 0 and y.std() > 0 else 1.0
    offset = float(y.mean() - slope * x.mean())
    scale, tie_band = slope * old.scale, slope * old.tie_band
    if len(untrained) >= _PAIRS_FOR_ODDS:
        gaps = np.array([after[pair.first] - after[pair.second] for pair in untrained])
        outcomes = np.array([pair.label for pair in untrained], np.int64)
        least = scale / _SURER_AT_MOST
        if (outcomes == 0).any():
            scale, tie_band = calibrate.fit_outcomes(gaps, outcomes, spread=float(y.std()))
        else:
            scale = calibrate.fit_odds(gaps, outcomes, tie_band=tie_band, spread=float(y.std()))
        scale = max(scale, least)
    return dataclasses.replace(
        old,
        score_knots=tuple(offset + slope * knot for knot in old.score_knots),
        scale=scale,
        tie_band=tie_band,
    )


def costing(scales: Mapping[str, FamilyScale], old: Calibration, new: Calibration) -> dict[str, FamilyScale]:
    """Scales by which a flaw costs as much rating as before, whatever the unit of the new scores.

    Parameters
    ----------
    scales : of each family, by the shipped model
    old, new : of the shipped model, and as `recalibrated` makes it
    """
    slope = float(np.ptp(new.score_knots) / np.ptp(old.score_knots))
    return {family: dataclasses.replace(scale, cost=slope * scale.cost) for family, scale in scales.items()}


def listening(manifest: Manifest) -> Listening:
    """How a model of this manifest listens."""
    return Listening(
        snippet_frames=manifest.segments.snippet_frames(manifest.features),
        scale=manifest.calibration.scale,
        tie_band=manifest.calibration.tie_band,
        features=manifest.features,
    )


def _origin(shipped: Path, old: Manifest, division: Division, how: FineTuning, course: Course) -> dict[str, Any]:
    """What the manifest tells of how the weights came about."""
    return {
        "fine_tuned_from": {"name": old.name, "version": old.version, "sha256": old.sha256},
        "before": json.loads((shipped / "manifest.json").read_bytes()).get("training", {}),
        "how": dataclasses.asdict(how),
        "steps": course.best_step,
        "recordings": {part: len(recordings_of(pairs)) for part, pairs in vars(division).items()},
        "pairs": {part: len(pairs) for part, pairs in vars(division).items()},
    }


def _without_references(root: Path) -> None:
    """Begin a list of references where there is none."""
    path = root / "references" / "references.json"
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("[]\n", encoding="utf-8")


def _write_references(out: Path, cache: Path, *, with_references: bool) -> None:
    """Play and score them for every model of the folder: one that was fine-tuned earlier keeps its own."""
    _without_references(out)
    if not with_references:
        return
    try:
        piano = instruments.for_training(cache)[0]
    except FileNotFoundError as err:
        logger.warning("no reference performances: %s, then run `pkai-train references --model-dir %s`", err, out)
        return
    logger.info("playing and scoring the reference performances")
    references.build(out, sorted(path.parent.name for path in out.glob("*/manifest.json")), piano)
