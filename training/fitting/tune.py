"""Tune a run's settings by how well it ranks the ladder's validation pieces; people's ratings are never looked at.

Trials are drawn by a tree-structured Parzen estimator [1]_ and stopped early where they lag behind the median of those
before. The study is an SQLite file: a stopped one goes on, and the trial that was cut off goes on from its checkpoint.

The validation draws the same batches in every trial and judges them by the same severities, so that accuracies compare:
what decides the severity, `emphasis`, is not tuned.

References
----------
.. [1] Bergstra et al., Algorithms for Hyper-Parameter Optimization, NeurIPS 2011; Akiba et al., Optuna, KDD 2019.
"""

import dataclasses
import hashlib
import json
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning
import optuna
import yaml
from lightning.pytorch.callbacks import Callback
from optuna.trial import Trial, TrialState

from training.durable import replace_text
from training.fitting.config import RunConfig
from training.fitting.fit import Fit, fit
from training.ladder import shards

logger = logging.getLogger(__name__)

STUDY_FILE, BEST_FILE = "study.db", "best.yaml"
_STARTUP_TRIALS = 4
# From its second validation on: the first, in the middle of the learning rate's rise, says nothing of a trial.
_PRUNED_FROM = 2
# Attribute of a trial: the number of the one that was cut off and that it tries again.
_TRIES_AGAIN = "tries_again"


@dataclass(frozen=True)
class Range:
    """Where a number is sought; in logarithms if `log`."""

    low: float
    high: float
    log: bool = False


# What is tuned; the bounds lie a factor of three or so about what training/fitting/config.py holds.
SPACE: dict[str, Range] = {
    "learning_rate": Range(5e-4, 6e-3, log=True),
    "weight_decay": Range(1e-3, 5e-2, log=True),
    "indifference": Range(0.03, 0.2, log=True),
    "local_share": Range(0.0, 1.0),
    "across_pieces": Range(0.0, 0.2),
    "flaw_weight": Range(0.0, 1.5),
    "network.dropout": Range(0.0, 0.5),
    "augmentation.equaliser_db": Range(1.0, 8.0),
    "augmentation.most_noise_db": Range(4.0, 24.0),
}


@dataclass(frozen=True, kw_only=True)
class Tuning:
    """How long to seek.

    Attributes
    ----------
    n_trials : in all, those of earlier calls counted in
    n_steps : of each trial; fewer than in the training that comes of it
    n_validations : of each trial, after each of which it may be pruned
    seed : of what is drawn
    """

    n_trials: int = 20
    n_steps: int = 300
    n_validations: int = 5
    seed: int = 0

    def __post_init__(self) -> None:
        for name, least in (("n_trials", 1), ("n_validations", 1), ("seed", 0)):
            if getattr(self, name) < least:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be {least} or more")
        if self.n_steps < self.n_validations:
            raise ValueError(f"n_steps is {self.n_steps}; it must be at least n_validations={self.n_validations}")


def tune(base: RunConfig, ladder_folder: Path, out: Path, how: Tuning) -> optuna.Study:
    """Seek better settings than those of `base`, going on with the study in `out`.

    Parameters
    ----------
    base : what is not sought
    ladder_folder : with the shards; on another ladder it is another study
    out : folder for the study, the trials and, in the end, `best.yaml`
    how : how long

    Returns
    -------
    the study; its best value is the accuracy after the last step, on pieces that training never hears

    Raises
    ------
    ValueError, FileNotFoundError
        As `training.fitting.fit.fit` has them.
    """
    out.mkdir(parents=True, exist_ok=True)
    sought = [dataclasses.asdict(base), how.n_steps, how.n_validations, how.seed, shards.digest(ladder_folder)]
    study = optuna.create_study(
        study_name=f"{base.name}, {how.n_steps} steps, {_digest(sought)}",
        storage=f"sqlite:///{out / STUDY_FILE}",
        load_if_exists=True,
        direction="maximize",
        pruner=optuna.pruners.MedianPruner(n_startup_trials=_STARTUP_TRIALS, n_warmup_steps=_PRUNED_FROM),
    )
    _take_up_cut_off(study)
    done = sum(trial.state in (TrialState.COMPLETE, TrialState.PRUNED) for trial in study.trials)
    logger.info("%d of %d trials are done", done, how.n_trials)
    seed = how.seed + len(study.trials)  # not as before, be it that all of those were cut off
    study.sampler = optuna.samplers.TPESampler(seed=seed, n_startup_trials=_STARTUP_TRIALS)
    study.optimize(lambda trial: _accuracy(trial, base, ladder_folder, out, how), n_trials=max(0, how.n_trials - done))
    best = _tuned(study.best_trial.params, base)
    replace_text(out / BEST_FILE, yaml.safe_dump(_differences(best, RunConfig())))
    return study


def suggested(trial: Trial) -> dict[str, float]:
    """A value for each setting of SPACE."""
    return {name: trial.suggest_float(name, each.low, each.high, log=each.log) for name, each in SPACE.items()}


class _Report(Callback):
    """Tells a trial of each validation, keeps the last in a file, and stops the trial where it lags."""

    def __init__(self, trial: Trial, result: Path) -> None:
        self.trial, self.result = trial, result

    def on_validation_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Report the accuracy."""
        if not isinstance(pl_module, Fit):
            raise TypeError(f"{type(pl_module).__name__} is no Fit")
        last = float(trainer.callback_metrics[f"validation/{pl_module.how.select_by}"])
        replace_text(self.result, json.dumps(last))
        validation = round(trainer.global_step / pl_module.how.validate_every)
        self.trial.report(last, validation)
        if self.trial.should_prune():
            raise optuna.TrialPruned(f"{last:.1%} after {trainer.global_step} steps")


def _accuracy(trial: Trial, base: RunConfig, ladder_folder: Path, out: Path, how: Tuning) -> float:
    run = _run(suggested(trial), base, how)
    folder = out / _folder(run, shards.digest(ladder_folder))
    result = folder / "accuracy.json"
    fit(run, ladder_folder, folder, callbacks=[_Report(trial, result)], n_devices=1)  # a study is of one process
    return float(json.loads(result.read_text(encoding="utf-8")))


def _run(params: dict[str, float], base: RunConfig, how: Tuning) -> RunConfig:
    """The base with the values of a trial, and as many steps as a trial has."""
    every = how.n_steps // how.n_validations
    tuned = _tuned(params, base)
    return dataclasses.replace(tuned, n_steps=every * how.n_validations, validate_every=every, patience=None)


def _tuned(params: dict[str, float], base: RunConfig) -> RunConfig:
    """The base with the values of a trial."""
    values = dataclasses.asdict(base)
    for name, value in params.items():
        *parents, last = name.split(".")
        inner = values
        for parent in parents:
            inner = inner[parent]
        inner[last] = value
    return RunConfig.from_dict(values)


def _folder(run: RunConfig, ladder: str) -> str:
    """Name for the checkpoints of a trial: by its settings and its ladder, so that one that is tried again goes on."""
    return f"trial-{_digest([dataclasses.asdict(run), ladder])}"


def _digest(plain: Any) -> str:
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()[:12]


def _take_up_cut_off(study: optuna.Study) -> None:
    """Queue the trials again that an earlier call was stopped in, whether Optuna saw it or not."""
    for trial in study.get_trials(states=(TrialState.RUNNING,)):
        study.tell(trial.number, state=TrialState.FAIL)
    tried_again = {trial.user_attrs.get(_TRIES_AGAIN) for trial in study.trials}
    for trial in study.get_trials(states=(TrialState.FAIL,)):
        if set(trial.params) == set(SPACE) and trial.number not in tried_again:
            study.enqueue_trial(trial.params, user_attrs={_TRIES_AGAIN: trial.number})


def _differences(settings: Any, usual: Any) -> dict[str, Any]:
    """What a file of settings needs to hold, of a dataclass and its default."""
    pairs = [(name, value, getattr(usual, name)) for name, value in vars(settings).items()]
    return {
        name: _differences(value, default) if dataclasses.is_dataclass(value) else value
        for name, value, default in pairs
        if value != default
    }
