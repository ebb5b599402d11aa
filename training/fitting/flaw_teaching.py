"""Teach a trained network anew to tell flaws, from versions in which they come mixed and versions in which they do not.

Only the layers that tell flaws learn. Nothing else is touched, nor does anything flow back from them, so scores and
attention stay what they were to the last bit: what people's ratings were held against still holds. Normalisation is
that of the service all along: its statistics, those of the layers that learn as well, stay what fitting left.

Rendered sound is not all that people record, and layers that learn much from it tell less of other sound. So they go
half the way only: their weights become the mean of what they were and what they learnt.

References
----------
Wortsman et al., Robust fine-tuning of zero-shot models, CVPR 2022 (section 3): weights between those before and after.
"""

import dataclasses
import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import lightning
import torch
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.loggers import TensorBoardLogger
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.data import DataLoader

from pkai.features import FeatureConfig
from pkai.segments import SegmentConfig
from training.bounds import require
from training.fitting.augmentation import Augmentation, augmented
from training.fitting.fit import LAST_CHECKPOINT, Drawn, Progress, RandomState, native_precision
from training.fitting.objective import flaw_losses
from training.fitting.snippets import Batch, LadderBatches
from training.ladder import shards
from training.networks.ranker import Ranker, SmallRanker


@dataclass(frozen=True, kw_only=True)
class FlawTeaching:
    """How the layers are taught.

    Attributes
    ----------
    n_steps : of the optimizer
    n_excerpts, n_versions : in a batch
    learning_rate, weight_decay : of AdamW
    gradient_clip : greatest norm
    average_decay : of the exponential moving average of the weights, which is what was learnt
    learnt_share : of what was learnt in the weights that are kept; the rest is of what they were before
    checkpoint_every : steps
    seed : of batches and augmentation
    augmentation : of what is heard
    """

    n_steps: int = 2400
    n_excerpts: int = 10
    n_versions: int = 6
    learning_rate: float = 2e-3
    weight_decay: float = 1e-2
    gradient_clip: float = 5.0
    average_decay: float = 0.995
    learnt_share: float = 0.5
    checkpoint_every: int = 200
    seed: int = 0
    augmentation: Augmentation = field(default_factory=Augmentation)

    def __post_init__(self) -> None:
        require(self, 1, float("inf"), "n_steps", "n_excerpts", "checkpoint_every")
        require(self, 2, float("inf"), "n_versions")
        require(self, 0.0, float("inf"), "learning_rate", "gradient_clip", above=True)
        require(self, 0.0, float("inf"), "weight_decay", "seed")
        require(self, 0.0, 1.0, "average_decay", "learnt_share")


def teach(
    network: Ranker,
    ladder_folder: Path,
    out: Path,
    how: FlawTeaching,
    features: FeatureConfig,
    cut: SegmentConfig,
    *,
    line: int = 0,
) -> Ranker:
    """Teach in place, resuming where an earlier call was stopped, as `training.fitting.fit.fit` does.

    Parameters
    ----------
    network : whose layers that tell flaws are kept apart
    ladder_folder : with "train" and "apart" shards; as many are heard of one as of the other
    out : folder for the checkpoint and TensorBoard logs
    how : to teach
    features, cut : what the network hears
    line : of the terminal for the progress, where several are taught at once

    Returns
    -------
    the network

    Raises
    ------
    ValueError
        If the network is a ResNet, `out` holds a checkpoint of another teaching or from another ladder, or the shards
        hold too few excerpts for a batch.
    FileNotFoundError
        If shards are missing.
    """
    if not isinstance(network, SmallRanker):
        raise ValueError("a ResNet tells flaws by the layers that score; only those of the small networks learn apart")
    last = out / LAST_CHECKPOINT
    lesson = _Lesson(network, how, features, shards.digest(ladder_folder))
    done = _steps_done(last, dict(lesson.hparams))
    lightning.seed_everything(how.seed, verbose=False)
    apart = shards.read(ladder_folder, "apart", features)
    mixed = shards.read(ladder_folder, "train", features)[: len(apart)]
    batches = LadderBatches(
        [*mixed, *apart],
        snippet_frames=cut.snippet_frames(features),
        features=features,
        n_excerpts=how.n_excerpts,
        n_versions=how.n_versions,
        seed=how.seed,
    )
    trainer = lightning.Trainer(
        max_steps=how.n_steps,
        accelerator="auto",
        devices=1,
        precision=native_precision(),
        deterministic="warn",
        gradient_clip_val=how.gradient_clip,
        log_every_n_steps=10,
        logger=TensorBoardLogger(out, name="", version="logs"),
        callbacks=[
            ModelCheckpoint(
                out,
                filename=Path(LAST_CHECKPOINT).stem,
                every_n_train_steps=how.checkpoint_every,
                enable_version_counter=False,
            ),
            RandomState(),
            Progress(refresh_rate=10, process_position=line),
        ],
        enable_model_summary=False,
    )
    if done < how.n_steps:
        drawn = DataLoader(Drawn(batches, begin=done), batch_size=None)
        trainer.fit(lesson, drawn, ckpt_path=str(last) if done else None, weights_only=True)
        if trainer.interrupted:
            raise KeyboardInterrupt
        trainer.save_checkpoint(last)
    else:
        lesson.load_state_dict(torch.load(last, map_location="cpu", weights_only=True)["state_dict"])
    lesson.keep()
    return network


class _Lesson(lightning.LightningModule):
    """The layers of one network that tell flaws, on their way.

    All of it is in evaluation mode throughout: Lightning leaves modes as it finds them.

    Parameters
    ----------
    network : of which nothing else is changed
    how : to teach
    features : that the network hears
    ladder : digest of the one it learns from
    """

    def __init__(self, network: SmallRanker, how: FlawTeaching, features: FeatureConfig, ladder: str) -> None:
        super().__init__()
        self.save_hyperparameters({"network": _digest(network), "ladder": ladder, **dataclasses.asdict(how)})
        self.how, self.features = how, features
        network.lay_out_for_training()
        self.network = network.requires_grad_(False).eval()
        self.layers = nn.ModuleList([network.over_time_for_flaws, network.tell_flaws]).requires_grad_(True)
        self.before = {name: tensor.clone() for name, tensor in self.layers.state_dict().items()}
        average = get_ema_multi_avg_fn(how.average_decay)  # type: ignore[no-untyped-call]
        self.averaged = AveragedModel(self.layers, multi_avg_fn=average, use_buffers=True).requires_grad_(False)

    def training_step(self, batch: Batch, _: int) -> Tensor:
        """Loss of one batch."""
        with torch.no_grad():
            sounds = self.network.sounds(augmented(batch.snippets, self.how.augmentation, self.features))
        terms = flaw_losses(self.network.flaws(sounds), batch)
        self.log_dict({f"train/{name}": term.detach() for name, term in terms.items()}, prog_bar=True)
        return torch.stack([*terms.values()]).sum()

    def optimizer_step(self, *args: Any, **kwargs: Any) -> None:
        """Step, then move the averaged weights along."""
        super().optimizer_step(*args, **kwargs)
        self.averaged.update_parameters(self.layers)

    def configure_optimizers(self) -> Any:
        """AdamW with one warm-up and a cosine to zero."""
        how = self.how
        optimizer = torch.optim.AdamW(self.layers.parameters(), lr=how.learning_rate, weight_decay=how.weight_decay)
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, max_lr=how.learning_rate, total_steps=how.n_steps, pct_start=0.08
        )
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def keep(self) -> None:
        """What was learnt becomes the network's, as far as it is to."""
        share = self.how.learnt_share
        for name, learnt in self.averaged.module.state_dict().items():
            if learnt.is_floating_point():  # not how many batches were counted
                learnt.copy_((1 - share) * self.before[name].to(learnt.device) + share * learnt)
        self.layers.load_state_dict(self.averaged.module.state_dict())
        self.network.cpu().eval().requires_grad_(True)
        self.network.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]


def _digest(network: SmallRanker) -> str:
    """Of all weights, those that learn as well: what was taught once is not to be taught the same again."""
    digest = hashlib.sha256()
    for tensor in network.state_dict().values():
        digest.update(tensor.cpu().numpy().tobytes())
    return digest.hexdigest()


def _steps_done(last: Path, now: dict[str, Any]) -> int:
    """Steps done in an earlier call with the same hyperparameters."""
    if not last.is_file():
        return 0
    state = torch.load(last, map_location="cpu", weights_only=True)
    before = state["hyper_parameters"]
    changed = [name for name in now if now[name] != before.get(name)]
    if changed:
        name = changed[0]
        raise ValueError(
            f"{last} is of another teaching: it has {name} {before.get(name)!r} and not {now[name]!r}; "
            "name another folder"
        )
    return int(state["global_step"])
