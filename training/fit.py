"""Fit a network on the ladder: the Lightning loop, its checkpoints and its averaged weights."""

import dataclasses
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import lightning
import torch
from lightning.pytorch.callbacks import ModelCheckpoint, TQDMProgressBar
from lightning.pytorch.loggers import TensorBoardLogger
from torch import Tensor
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.data import DataLoader, IterableDataset

from pkai.features import FeatureConfig
from pkai.segments import SegmentConfig
from training import ladder
from training.augmentation import augmented
from training.config import RunConfig
from training.losses import flaw_loss, pairwise_ranking_loss
from training.networks import PairwiseRanker
from training.skill_ladder import FAMILIES
from training.snippets import Batch, LadderBatches

logger = logging.getLogger(__name__)
LAST_CHECKPOINT = "last.ckpt"


class Fit(lightning.LightningModule):
    """One network on its way: ranking of snippets, and telling of flaws as a second task.

    Parameters
    ----------
    run : how to train
    """

    def __init__(self, run: RunConfig) -> None:
        super().__init__()
        self.save_hyperparameters(dataclasses.asdict(run))
        self.how = run
        self.network = PairwiseRanker(len(FAMILIES), run.network).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        average = get_ema_multi_avg_fn(run.average_decay)  # type: ignore[no-untyped-call]
        self.averaged = AveragedModel(self.network, multi_avg_fn=average, use_buffers=True)
        self._validation: list[tuple[Tensor, Batch]] = []

    def training_step(self, batch: Batch, _: int) -> Tensor:
        """Loss of one batch."""
        snippets = augmented(batch.snippets, self.how.augmentation)
        score, _, told = self.network(snippets)
        rank = pairwise_ranking_loss(
            score.float(), self._severity(batch), self._pair_weights(batch.excerpt), indifference=self.how.indifference
        )
        flaws = flaw_loss(told.float(), batch.damage)
        self.log_dict({"train/rank": rank, "train/flaws": flaws}, prog_bar=True)
        return rank + self.how.flaw_weight * flaws

    def optimizer_step(self, *args: Any, **kwargs: Any) -> None:
        """Step, then move the averaged weights along."""
        super().optimizer_step(*args, **kwargs)
        self.averaged.update_parameters(self.network)

    def validation_step(self, batch: Batch, _: int) -> None:
        """Score the snippets of pieces that training never hears, with the averaged weights."""
        with torch.autocast(self.device.type, enabled=False):  # bfloat16 would make near scores equal
            self._validation.append((self.averaged.module(batch.snippets)[0], batch))

    def on_validation_epoch_end(self) -> None:
        """Share of pairs of one excerpt that are ranked right: all, and those that differ clearly."""
        right, gap = (torch.cat(part) for part in zip(*map(_pairs, self._validation), strict=True))
        self._validation.clear()
        self.log("validation/accuracy", right[gap > 0.1].float().mean(), prog_bar=True)
        self.log("validation/clear_accuracy", right[gap > 0.4].float().mean(), prog_bar=True)

    def configure_optimizers(self) -> Any:
        """AdamW with one warm-up and a cosine to zero."""
        optimizer = torch.optim.AdamW(
            self.network.parameters(), lr=self.how.learning_rate, weight_decay=self.how.weight_decay
        )
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, max_lr=self.how.learning_rate, total_steps=self.how.n_steps, pct_start=0.08
        )
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def _severity(self, batch: Batch) -> Tensor:
        local = self.how.local_share
        return local * batch.severity + (1 - local) * batch.version_severity

    def _pair_weights(self, excerpt: Tensor) -> Tensor:
        same = excerpt[:, None] == excerpt[None, :]
        weight = torch.where(same, 1.0, self.how.across_pieces)
        return weight.fill_diagonal_(0.0)


class _Repeated(IterableDataset[Batch]):
    """The first batches of an endless source, the same in every epoch."""

    def __init__(self, batches: LadderBatches, n_batches: int) -> None:
        self.batches, self.n_batches = batches, n_batches

    def __iter__(self) -> Iterator[Batch]:
        for _, batch in zip(range(self.n_batches), self.batches, strict=False):
            yield batch


def fit(run: RunConfig, ladder_folder: Path, out: Path) -> Path:
    """Train a network, resuming where an earlier call was stopped.

    Parameters
    ----------
    run : how to train
    ladder_folder : with the shards
    out : folder for checkpoints and TensorBoard logs

    Returns
    -------
    path of the last checkpoint
    """
    lightning.seed_everything(run.seed, verbose=False)
    module = Fit(run)
    last = out / LAST_CHECKPOINT
    done = torch.load(last, weights_only=True)["global_step"] if last.is_file() else 0
    trainer = lightning.Trainer(
        max_steps=run.n_steps,
        accelerator="auto",
        devices="auto",
        precision="bf16-mixed",
        gradient_clip_val=run.gradient_clip,
        val_check_interval=run.validate_every,
        check_val_every_n_epoch=None,
        log_every_n_steps=10,
        num_sanity_val_steps=0,
        logger=TensorBoardLogger(out, name="", version="logs"),
        callbacks=[
            ModelCheckpoint(out, filename="step", every_n_train_steps=run.validate_every, save_last=True),
            TQDMProgressBar(refresh_rate=10),
        ],
        enable_model_summary=False,
    )
    train = _batches(run, ladder.read(ladder_folder, "train"), seed=run.seed + 7919 * done)
    validation = _Repeated(_batches(run, ladder.read(ladder_folder, "validation"), seed=0), run.validation_batches)
    trainer.fit(
        module,
        DataLoader(train, batch_size=None),
        DataLoader(validation, batch_size=None),
        ckpt_path=str(last) if done else None,
        weights_only=True,
    )
    trainer.save_checkpoint(last)
    return last


def load_network(checkpoint: Path) -> tuple[PairwiseRanker, RunConfig]:
    """The averaged network of a checkpoint, ready to score, and how it was trained."""
    state = torch.load(checkpoint, map_location="cpu", weights_only=True)
    run = RunConfig.from_dict(state["hyper_parameters"])
    network = PairwiseRanker(len(FAMILIES), run.network)
    prefix = "averaged.module."
    weights = {k.removeprefix(prefix): v for k, v in state["state_dict"].items() if k.startswith(prefix)}
    network.load_state_dict(weights, strict=True)
    return network.eval(), run


def _batches(run: RunConfig, shards: list[ladder.Shard], *, seed: int) -> LadderBatches:
    features, cut = FeatureConfig(), SegmentConfig()
    return LadderBatches(
        shards,
        snippet_frames=cut.snippet_frames(features),
        frames_per_s=features.frames_per_s,
        n_excerpts=run.n_excerpts,
        n_versions=run.n_versions,
        seed=seed,
        emphasis=run.emphasis,
    )


def _pairs(scored: tuple[Tensor, Batch]) -> tuple[Tensor, Tensor]:
    score, batch = scored
    gap = batch.severity[None, :] - batch.severity[:, None]  # > 0: the row is better than the column
    pair = (batch.excerpt[:, None] == batch.excerpt[None, :]) & (gap > 0)
    return (score[:, None] > score[None, :])[pair], gap[pair]
