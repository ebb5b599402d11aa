"""Fit a network on the ladder: the Lightning loop, its checkpoints and its averaged weights."""

import dataclasses
import logging
import sys
from collections.abc import Iterator, Sequence
from contextlib import redirect_stdout
from itertools import islice
from pathlib import Path
from typing import Any, Literal

import lightning
import numpy as np
import torch
from lightning.pytorch.callbacks import Callback, EarlyStopping, ModelCheckpoint, TQDMProgressBar
from lightning.pytorch.callbacks.progress.tqdm_progress import Tqdm
from lightning.pytorch.loggers import TensorBoardLogger
from torch import Tensor
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.data import DataLoader, IterableDataset

from training.fitting.augmentation import augmented
from training.fitting.config import RunConfig
from training.fitting.objective import consensus, objective
from training.fitting.snippets import Batch, LadderBatches
from training.ladder import shards
from training.ladder.flaws import FAMILIES
from training.networks import pairwise
from training.networks.ranker import Ranker

logger = logging.getLogger(__name__)
# What it says besides is of cloud services, and of accelerators that are not there.
logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
LAST_CHECKPOINT, BEST_CHECKPOINT = "last.ckpt", "best.ckpt"


class Fit(lightning.LightningModule):
    """One network on its way: ranking of snippets, and telling of flaws as a second task.

    Parameters
    ----------
    run : how to train
    ladder : digest of the one that it trains on
    """

    def __init__(self, run: RunConfig, ladder: str) -> None:
        super().__init__()
        self.save_hyperparameters(dataclasses.asdict(run))
        self.how, self.ladder = run, ladder
        self.network = pairwise.build(run.network, len(FAMILIES), run.features.kind)
        self.network.lay_out_for_training()
        average = get_ema_multi_avg_fn(run.average_decay)  # type: ignore[no-untyped-call]
        self.averaged = AveragedModel(self.network, multi_avg_fn=average, use_buffers=True).requires_grad_(False)
        self.finished = False
        self._validation: list[tuple[Tensor, Batch]] = []

    def training_step(self, batch: Batch, _: int) -> Tensor:
        """Loss of one batch."""
        snippets = augmented(batch.snippets, self.how.augmentation, self.how.features)
        total, terms = objective(self.network.hear(snippets), batch, self.how)
        self.log_dict({f"train/{name}": term.detach() for name, term in terms.items()})
        self.log_dict({"train/loss": total.detach()}, prog_bar=True)
        return total

    def optimizer_step(self, *args: Any, **kwargs: Any) -> None:
        """Step, then move the averaged weights along."""
        super().optimizer_step(*args, **kwargs)
        self.averaged.update_parameters(self.network)

    def validation_step(self, batch: Batch, _: int) -> None:
        """Score the snippets of pieces that training never hears, with the averaged weights."""
        with torch.autocast(self.device.type, enabled=False):  # bfloat16 would make near scores equal
            score = self.averaged.module(batch.snippets)[0]
        self._validation.append((consensus(score, n_snippets=self.how.sampling.n_snippets), batch))

    def on_validation_epoch_end(self) -> None:
        """Share of pairs of one excerpt that are ranked right: those that differ audibly, and clearly."""
        right, gap = (torch.cat(part) for part in zip(*map(_pairs, self._validation), strict=True))
        self._validation.clear()
        shares = {"accuracy": right[gap > 0.1].float().mean(), "clear_accuracy": right[gap > 0.4].float().mean()}
        # Every process validates with the same batches, so that all stop at the same step; the mean is for rounding.
        self.log_dict({f"validation/{name}": share for name, share in shares.items()}, prog_bar=True, sync_dist=True)

    def configure_optimizers(self) -> Any:
        """AdamW with one warm-up and a cosine to zero."""
        optimizer = torch.optim.AdamW(
            self.network.parameters(), lr=self.how.learning_rate, weight_decay=self.how.weight_decay
        )
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, max_lr=self.how.learning_rate, total_steps=self.how.n_steps, pct_start=0.08
        )
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Note on which ladder it trains, and whether there is anything left to train."""
        checkpoint |= {"ladder": self.ladder, "finished": self.finished}


class Drawn(IterableDataset[Batch]):
    """Batches without end, other ones in every process; or the same few each time.

    Parameters
    ----------
    batches : to draw from
    begin, end : the draws that are given, without end if None; those before are drawn too, and passed over
    """

    def __init__(self, batches: LadderBatches, *, begin: int = 0, end: int | None = None) -> None:
        self.batches, self.begin, self.end = batches, begin, end

    def __iter__(self) -> Iterator[Batch]:
        several = torch.distributed.is_available() and torch.distributed.is_initialized() and self.end is None
        rng = np.random.default_rng([self.batches.seed, torch.distributed.get_rank() if several else 0])
        return islice((self.batches.draw(rng) for _ in iter(int, 1)), self.begin, self.end)


class RandomState(Callback):
    """Keeps torch's random state in the checkpoints: who goes on from one, draws as who never stopped."""

    def __init__(self) -> None:
        self._found: dict[str, Any] = {}

    def state_dict(self) -> dict[str, Any]:
        """As it is now."""
        return {"cpu": torch.get_rng_state(), "cuda": torch.cuda.get_rng_state_all()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Wait with it: what Lightning does before the first step draws too."""
        self._found = state_dict

    def on_train_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Go on from it."""
        if self._found:
            torch.set_rng_state(self._found["cpu"])
            torch.cuda.set_rng_state_all(self._found["cuda"])


def fit(
    run: RunConfig,
    ladder_folder: Path,
    out: Path,
    *,
    callbacks: Sequence[Callback] = (),
    line: int = 0,
    n_devices: int | None = None,
) -> Path:
    """Train a network, resuming where an earlier call was stopped.

    One that was stopped ends as one that was not; on a CPU to the last bit.

    Parameters
    ----------
    run : how to train
    ladder_folder : with the shards
    out : folder for checkpoints and TensorBoard logs
    callbacks : that the trainer calls besides its own
    line : of the terminal for the progress, where several are trained at once
    n_devices : GPUs to train on; all that there are if None. For each but the first Lightning starts the program anew,
        which then does everything that this one does

    Returns
    -------
    path of the checkpoint that ranked the validation pieces best

    Raises
    ------
    ValueError
        If `out` holds checkpoints of another run or from another ladder, or the shards were made by another front end
        than the run's, or hold too few excerpts for its batches.
    FileNotFoundError
        If the folder holds no ladder.
    """
    last, best = out / LAST_CHECKPOINT, out / BEST_CHECKPOINT
    ladder = shards.digest(ladder_folder)
    done, finished = _progress(run, ladder, last)
    if finished:
        logger.info("%s: all steps are done", last)
        return best
    lightning.seed_everything(run.seed, verbose=False)
    module = Fit(run, ladder)
    keeper = _keeper(run, out)
    trainer = _trainer(run, out, [keeper, *callbacks], line, n_devices)
    trained, unseen = (shards.read(ladder_folder, part, run.features) for part in ("train", "validation"))
    train = Drawn(_batches(run, trained, seed=run.seed), begin=done * run.accumulate)
    held_out = Drawn(_batches(run, unseen, seed=0), end=run.validation_batches)
    validation = DataLoader(held_out, batch_size=None)
    trainer.fit(
        module,
        DataLoader(train, batch_size=None),
        validation,
        ckpt_path=str(last) if done else None,
        weights_only=True,
    )
    if not trainer.interrupted:
        _keep_last_if_best(trainer, module, validation, keeper, best)
        module.finished = True  # only now: who is stopped before, compares again
        trainer.save_checkpoint(last)
    return best


def load_network(checkpoint: Path) -> tuple[Ranker, RunConfig]:
    """The averaged network of a checkpoint, ready to score, and how it was trained."""
    state = torch.load(checkpoint, map_location="cpu", weights_only=True)
    run = RunConfig.from_dict(state["hyper_parameters"])
    network = pairwise.build(run.network, len(FAMILIES), run.features.kind)
    prefix = "averaged.module."
    weights = {k.removeprefix(prefix): v for k, v in state["state_dict"].items() if k.startswith(prefix)}
    network.load_state_dict(weights, strict=True)
    return network.eval(), run


def load_networks(checkpoints: Sequence[Path]) -> tuple[list[Ranker], RunConfig, list[int]]:
    """Networks that differ in their seed alone, how they were trained, and the seed of each.

    Raises
    ------
    ValueError
        If they differ in anything else.
    """
    loaded = [load_network(checkpoint) for checkpoint in checkpoints]
    first = dataclasses.asdict(loaded[0][1])
    for checkpoint, (_, run) in zip(checkpoints, loaded, strict=True):
        other = [name for name, value in dataclasses.asdict(run).items() if value != first[name] and name != "seed"]
        if other:
            raise ValueError(
                f"{checkpoints[0]} and {checkpoint} differ in {', '.join(other)}; only networks of one run, that "
                "differ in their seed, are heard as one"
            )
    return [network for network, _ in loaded], loaded[0][1], [run.seed for _, run in loaded]


def _progress(run: RunConfig, ladder: str, last: Path) -> tuple[int, bool]:
    """Steps done in an earlier call, and whether those were all."""
    if not last.is_file():
        return 0, False
    state = torch.load(last, map_location="cpu", weights_only=True)
    before = dataclasses.asdict(RunConfig.from_dict(state["hyper_parameters"])) | {"ladder": state.get("ladder")}
    now = dataclasses.asdict(run) | {"ladder": ladder}
    changed = [name for name in now if now[name] != before[name]]
    if changed:
        raise ValueError(
            f"{last} is of another run: it has {changed[0]} {before[changed[0]]!r} and not {now[changed[0]]!r}; "
            "name another folder"
        )
    return state["global_step"], state.get("finished", False)


def _keeper(run: RunConfig, out: Path) -> ModelCheckpoint:
    return ModelCheckpoint(
        out,
        filename=Path(BEST_CHECKPOINT).stem,
        monitor=f"validation/{run.select_by}",
        mode="max",
        enable_version_counter=False,
    )


def _trainer(
    run: RunConfig, out: Path, asked: Sequence[Callback], line: int, n_devices: int | None
) -> lightning.Trainer:
    # Lightning's own "save_last" writes only when there is a new best: one would go on from long ago.
    every_validation = ModelCheckpoint(out, filename=Path(LAST_CHECKPOINT).stem, enable_version_counter=False)
    progress = Progress(refresh_rate=10, process_position=line)
    callbacks: list[Callback] = [*asked, every_validation, RandomState(), progress]
    if run.patience is not None:
        callbacks.append(EarlyStopping(f"validation/{run.select_by}", mode="max", patience=run.patience))
    return lightning.Trainer(
        max_steps=run.n_steps,
        accelerator="auto",
        devices=n_devices or "auto",
        precision=native_precision() if run.precision == "auto" else run.precision,
        deterministic="warn",
        gradient_clip_val=run.gradient_clip,
        accumulate_grad_batches=run.accumulate,
        val_check_interval=run.validate_every * run.accumulate,
        check_val_every_n_epoch=None,
        log_every_n_steps=10,
        num_sanity_val_steps=0,
        logger=TensorBoardLogger(out, name="", version="logs"),
        callbacks=callbacks,
        enable_model_summary=False,
    )


class Progress(TQDMProgressBar):
    """Lightning's bars on the standard error, for the standard output is of results."""

    def init_train_tqdm(self) -> Tqdm:
        """The bar of training."""
        with redirect_stdout(sys.stderr):
            return super().init_train_tqdm()

    def init_validation_tqdm(self) -> Tqdm:
        """The bar of a validation."""
        with redirect_stdout(sys.stderr):
            return super().init_validation_tqdm()


def native_precision() -> Literal["bf16-mixed", "32-true"]:
    """The least precision that suffices, of those that this machine has instructions for."""
    if torch.cuda.is_available():
        has_bfloat16 = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        has_bfloat16 = bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
    return "bf16-mixed" if has_bfloat16 else "32-true"


def _keep_last_if_best(
    trainer: lightning.Trainer, module: Fit, validation: DataLoader[Batch], keeper: ModelCheckpoint, best: Path
) -> None:
    """Validate once more where the last step was between two validations."""
    if module.global_step % module.how.validate_every == 0:
        return
    before = keeper.best_model_score
    trainer.validate(module, validation, verbose=False)
    found = trainer.callback_metrics[f"validation/{module.how.select_by}"]
    if before is None or found >= before:
        trainer.save_checkpoint(best)


def _batches(run: RunConfig, shards: list[shards.Shard], *, seed: int) -> LadderBatches:
    return LadderBatches(
        shards,
        snippet_frames=run.segments.snippet_frames(run.features),
        features=run.features,
        n_excerpts=run.n_excerpts,
        n_versions=run.n_versions,
        seed=seed,
        emphasis=run.emphasis,
        sampling=run.sampling,
    )


def _pairs(scored: tuple[Tensor, Batch]) -> tuple[Tensor, Tensor]:
    score, batch = scored
    gap = batch.severity[None, :] - batch.severity[:, None]  # > 0: the row is better than the column
    pair = (batch.excerpt[:, None] == batch.excerpt[None, :]) & (gap > 0)
    return (score[:, None] > score[None, :])[pair], gap[pair]
