"""The model card: what the shipped models were made of and how they did, written from their manifests and results."""

import json
import logging
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from training.evaluation import card_tables, results

_log = logging.getLogger(__name__)

_INTRODUCTION = """# Model card

Written by `pkai-train card` from the manifests and from `results/` beside it; edit `training/evaluation/card.py`, not
this file.

**What for.** To tell a pianist how skilled a recording of theirs is, and which of two takes is played better. Not for
examinations, admissions or anything else that matters to a person's life.

**Trained on** no human label: a skill ladder made from 480 concert performances and their scores (ASAP, Foscarin et
al., ISMIR 2020, CC BY-NC-SA 4.0), degraded by `training/ladder/skill_ladder.py`, rendered with FluidR3, TimGM6mb,
MuseScore General, Csound's bank (Debian) and Salamander Grand Piano (CC BY 3.0, Alexander Holm), and recorded under
simulated conditions. Pieces are split by a hash of their name; 15 % are never trained on.

**Calibrated and measured on** 55 performances of 5 easy pieces, transcribed to MIDI, that 4 instructors and up to 6
peers rated (Jiang, ISMIR 2023, Zenodo 8392772), rendered by FluidSynth. No network trained on any of them. Two of the
pieces, Lavender's Blue and She Wore a Yellow Ribbon, were looked at closely while the ladder was designed; by them
was chosen how much tempo weighs in the ranking, that versions are compared at the same place, how much weak moments
count in the score of a recording (the real recordings of `pkai-train worsened` had a say in that), and that what
tells flaws teaches the rest nothing. The accuracy of some of those settings over all five pieces was seen on the way,
and that of means of networks, before it was settled that APR is the mean of two. So the figures below are somewhat
hopeful; pieces that nobody looked at will tell. APR's two networks are the first two seeds, as was settled before
they were trained; four more seeds make two more such models, and all three are told as *2 checkpoints as one*. Which
of PDR's three seeds is shipped was decided by the pairs of the ladder's unseen pieces, which also choose the step at
which a network is kept; whether a later model takes the place of a shipped one is decided by these pairs and by the
two pieces that were looked at. One of the 34 unseen pieces was heard by the shipped networks after all: Schumann's
Toccata, which ASAP lists a second time with its repeats. The layers that tell flaws were taught anew afterwards, from
flaws planted a few families at a time and labelled by what can be heard (`pkai-train teach-flaws`), which changes no
score: PDR 0.3.2 scores as 0.3.0 and 0.3.1 do, and APR 0.4.1 as 0.4.0, to the last bit, so what was measured of the
one holds for the other; PDR 0.3.3 and APR 0.4.2 are those in another layout of the same weights (`pkai-train
lay-out`), whose scores differ by rounding alone; and PDR 0.3.4 and APR 0.4.3 score as these do to the last bit, with
what they tell of flaws scaled anew (`pkai-train scale-flaws`), to the ladder as it was rendered and labelled then.
PDR 0.3.5 and APR 0.4.4 are these with ratings and odds fitted anew (`pkai-train recalibrate`), no performance being
compared with itself, and with flaws scaled to the ladder as it is now. Figures on the ladder that name them are of
that, older ones of what it was then. Scores were taught by the ladder's earlier labels, which counted what cannot be
heard as well. That these layers go half the way from what they were to what they learnt was settled when the places
that `pkai-train worsened` finds had been seen, mostly of other passages. Rows of APR 0.3.0 are of one network, a
lucky seed. What is no playing before the first tone and after the last is left out since APR 0.4.1 was made
(`lambda/pkai/playing.py`), and figures that name 0.4.0 or 0.3.1 were measured before; pairs that were measured again
came out the same but for one by phone.

**Pairs** are within a piece; truth is the sign of the difference of the mean ratings; *≥ 0.5* are those that differ by
so many of the raters' points. Intervals are 95 %, by bootstrap over recordings. *Clean* is FluidR3's grand;
*tempo-equalised*, the same with all performances of a piece stretched so that as much time lies between the first key
and the last; *unheard instrument*, a sampled grand that no training rendering used; *phone*, a small room, 180 to
5,500 Hz, noise and 24 kbit/s Opus; *phone that levels*, the same with an automatic gain that takes away 70 % of all
differences in level. *Length alone* takes the less time between those keys for the better; *length misleads* where the
better playing takes longer. ρ is Spearman's and τ Kendall's rank correlation within pieces.
*Ties too*: better, worse or equivalent (raters' means within 0.3), the tie band fitted to other pieces or folds. *Error
of p*: expected calibration error of `p_better` in ten bins of equally many pairs, fitted likewise; in brackets, what so
few pairs would give on average if every probability were exactly right.
"""
_LIMITS = """
## Limits

- The test pieces are easy and few; the interval over recordings is wide.
- What lies between the first tone and the last counts as playing, voices and coughs too.
- The judge hears solo piano. Other instruments, singing or accompaniment are rated all the same, without meaning; only
  where hardly a tone is heard, as in noise, does the answer warn of it.
- It hears rhythm, tempo, wrong notes, evenness and touch; it knows neither the score nor the style, and cannot tell a
  daring interpretation from a flaw.
- Ratings compare best within a piece; across pieces, difficulty does not count.
"""


def write(model_root: Path) -> str:
    """Text of the card for every model under `model_root`, and every result in its folder `results`.

    Raises
    ------
    FileNotFoundError
        If there is no model.
    ValueError
        If a file of results is damaged, or of another version.
    """
    manifests = [json.loads(path.read_bytes()) for path in sorted(model_root.glob("*/manifest.json"))]
    if not manifests:
        raise FileNotFoundError(f"{model_root} holds no model; export one first")
    shipped = {f"{manifest['name']} {manifest['version']}" for manifest in manifests}
    # What ships first; what was found of earlier models, and by experiments, after it.
    found = sorted(results.read(model_root / results.FOLDER), key=lambda result: not _is_of(result, shipped))
    parts = [_INTRODUCTION, card_tables.default_model(found, [manifest["name"] for manifest in manifests])]
    for kind, section in card_tables.SECTIONS.items():
        parts += [section(result) for result in found if result["kind"] == kind]
    for kind in sorted({result["kind"] for result in found} - set(card_tables.SECTIONS)):
        _log.warning("card: no section for results of kind %r; left out", kind)
    return "".join([*parts, *(_of_manifest(manifest) for manifest in manifests), _LIMITS])


def _is_of(result: Mapping[str, Any], shipped: Collection[str]) -> bool:
    return any(label.startswith(model) for label in result.get("judges", ()) for model in shipped)


def _of_manifest(manifest: dict[str, Any]) -> str:
    metrics, training = manifest["metrics"], manifest["training"]
    rows = [
        f"| {name} | {_cell(found['at_half'])} | {_cell(found['at_one'])} | {_cell(found['against_length'])} "
        f"| {found['spearman']:.2f} |"
        for name, found in metrics["agreement"].items()
    ]
    table = "\n".join(rows)
    seeds = training["seeds"]
    return f"""
## {manifest["name"]} {manifest["version"]}

`model.onnx`, sha256 `{manifest["sha256"]}`. Mean of {len(seeds)} network(s), seed(s) \
{", ".join(str(seed) for seed in seeds)}, {training["run"]["n_steps"]} steps each. As measured when it was exported:

| setting | pairs ≥ 0.5 | pairs ≥ 1.0 | length misleads | ρ |
|---|---|---|---|---|
{table}

- Expected calibration error of `p_better`, each piece left out of its fit: {metrics["expected_calibration_error"]:.3f}
- The mean of people's ratings lies within the interval for {metrics["interval_coverage"]:.0%} of the performances (80 %
  is meant),
  each piece left out of its own fit; residual {manifest["calibration"]["sigma_rating"]:.0f} points
{_diagnosis(metrics.get("diagnosis"))}"""


def _diagnosis(found: dict[str, Any] | None) -> str:
    """What is told of each family of flaws against what was planted, if it was measured."""
    if not found:
        return ""
    told = ", ".join(f"{family} {value:.2f}" for family, value in found["spearman"].items())
    return f"- Flaws told against flaws planted, ρ over {found['n']} recordings of the skill ladder: {told}\n"


def _cell(found: dict[str, float] | None) -> str:
    if found is None:
        return ""
    return f"{found['value']:.1%} ({found['low']:.0%} to {found['high']:.0%}, n={found['n']})"
