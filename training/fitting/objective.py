"""What a network is trained to make small: rankings by its scores and its branches, attention, and telling flaws."""

from functools import partial

import torch
from torch import Tensor

from training.fitting.config import RunConfig
from training.fitting.losses import disparity_loss, diversity_loss, flaw_loss, flaw_ranking_loss, ranking_loss
from training.fitting.snippets import Batch
from training.networks.ranker import Heard

# Difference of log(1 + severity) that teachers would hardly hear.
_FLAW_INDIFFERENCE = 0.1


def objective(heard: Heard, batch: Batch, run: RunConfig) -> tuple[Tensor, dict[str, Tensor]]:
    """The loss of one batch.

    Parameters
    ----------
    heard : of the batch's snippets
    batch : with what is true of them
    run : which losses count how much

    Returns
    -------
    total : () weighted sum
    terms : () each, before weighting, by name

    Notes
    -----
    Snippets of a version make one score by segmental consensus, and versions are ranked. The bad branch is ranked by
    its negative: it is to be highest where playing is worst. Telling flaws matters to the rest only in that the clipped
    norm of the gradients is that of all together; nothing flows back from there.
    """
    severity = run.local_share * batch.severity + (1 - run.local_share) * batch.version_severity
    weight = pair_weights(batch.excerpt, across=run.across_pieces)
    together = partial(consensus, n_snippets=run.sampling.n_snippets)
    how = run.loss

    def rank(score: Tensor) -> Tensor:
        return ranking_loss(together(score), severity, weight, how, indifference=run.indifference)

    terms = {"rank": rank(heard.score)} | flaw_losses(heard.flaws, batch)
    shares = {"rank": how.scores, "flaws": 1.0, "flaw_order": 1.0}
    if heard.sensed is not None:
        terms["sensed"] = flaw_loss(heard.sensed.float(), batch.damage)
        shares["sensed"] = run.flaw_weight
    if heard.good is not None and heard.bad is not None:
        good, bad = heard.good, heard.bad
        disparity = partial(
            disparity_loss,
            severity=severity,
            weight=weight,
            margin=how.disparity_margin,
            indifference=run.indifference,
        )
        terms |= {
            "branches": rank(good.score) + rank(-bad.score),
            "evidence": rank(good.evidence) + rank(-bad.evidence),
            "disparity": disparity(together(good.evidence), together(good.everywhere))
            + disparity(together(-bad.evidence), together(-bad.everywhere)),
            "diversity": diversity_loss(good.attention.float(), bad.attention.float()),
        }
        shares |= {"branches": how.branches, "evidence": how.branches}
        shares |= {"disparity": how.disparity, "diversity": how.diversity}
    return torch.stack([shares[name] * term for name, term in terms.items()]).sum(), terms


def flaw_losses(told: Tensor, batch: Batch) -> dict[str, Tensor]:
    """How far what is told of flaws is from what was planted, and whose flaws are told to be the worse.

    Parameters
    ----------
    told : (B * K, F, T') log(1 + severity) of each family, of the batch's snippets
    batch : with what is true of them

    Returns
    -------
    () each, by name
    """
    told = told.float()
    n_snippets = len(told) // len(batch.excerpt)
    of_one_excerpt = pair_weights(batch.excerpt.repeat_interleave(n_snippets), across=0.0)
    return {
        "flaws": flaw_loss(told, batch.damage),
        "flaw_order": flaw_ranking_loss(told, batch.damage, of_one_excerpt, indifference=_FLAW_INDIFFERENCE),
    }


def consensus(values: Tensor, *, n_snippets: int) -> Tensor:
    """Mean over the snippets of each version: (B * K,) -> (B,), in full precision."""
    return values.float().view(-1, n_snippets).mean(dim=1)


def pair_weights(excerpt: Tensor, *, across: float) -> Tensor:
    """Weight of each pair: 1 of versions of one excerpt, `across` of different ones, 0 of a version and itself."""
    same = excerpt[:, None] == excerpt[None, :]
    return torch.where(same, 1.0, across).fill_diagonal_(0.0)
