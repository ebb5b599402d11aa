"""What may go wrong in playing: the kinds of flaws, the families that people are told, and how much each weighs.

A flaw of amount 1 is what a struggling learner does; the sizes follow studies of practising and of expressive timing:

- tempo, drift, local unevenness: Palmer, Music performance, Annual Review of Psychology 48 (1997); Wristen, Cognition
  and motor execution in piano sight-reading, Update 24 (2005)
- jitter and chord spread: an expert's chords are 7 to 20 ms apart (Goebl, JASA 110 (2001)), learners' far more
- rhythm, hesitation, stumble and restart: wrong durations, pauses before hard places, repeated beats (Drake and Palmer,
  Skill acquisition in music performance, Cognition 74 (2000))
- wrong, missed and extra notes: neighbours of the written pitch (Repp, The art of inaccuracy, Music Perception 14
  (1996); Palmer and van de Sande, Units of knowledge in music performance, JEP: LMC 19 (1993))
- loudness, flatness, balance: uneven touch, flattened phrases, a left hand that drowns the melody (Repp, The dynamics
  of expressive piano performance, JASA 100 (1996))
- articulation: choppy or smeared tones (Repp, JASA 97 (1995))
- pedal: blurred, or left out now and then (Repp, Pedal timing and tempo, Psychology of Music 24 (1996))

Differences from teaching practice: the kinds are drawn independently, while in people they go together; a judge that
has met them apart can tell them apart. Among other flaws, touch and pedal go wrong by less than alone, for they change
every tone: where they do so as much as a struggling learner's, a judge learns to hear little else once tempo is even.
"""

from dataclasses import dataclass

import numpy as np

from pkai.diagnosis import FAMILIES as FAMILIES


@dataclass(frozen=True)
class Kind:
    """A kind of flaw.

    Attributes
    ----------
    family : that it is told to people as
    weight : its share of the whole severity
    among_others : factor of its amount in a mixture of flaws
    """

    family: str
    weight: float
    among_others: float = 1.0


KINDS = {
    "tempo": Kind("tempo", 0.15),
    "drift": Kind("tempo", 0.06),
    "unevenness": Kind("timing", 0.11),
    "jitter": Kind("timing", 0.05),
    "chord_spread": Kind("timing", 0.03),
    "rhythm": Kind("timing", 0.10),
    "hesitation": Kind("hesitation", 0.11),
    "stumble": Kind("hesitation", 0.06),
    "wrong": Kind("notes", 0.06),
    "missed": Kind("notes", 0.03),
    "extra": Kind("notes", 0.03),
    "loudness": Kind("dynamics", 0.06),
    "flatness": Kind("dynamics", 0.06),
    "balance": Kind("dynamics", 0.04),
    "articulation": Kind("articulation", 0.03, among_others=0.65),
    "pedal": Kind("pedal", 0.02, among_others=0.5),
}
# Times what a struggling learner does: beyond, nobody would go on playing.
MOST_OF_ONE_KIND = 2.5
_P_KIND_PRESENT = 0.6
# Of flaws drawn apart: chances of one, two and three families, and the amounts of each.
_P_FAMILIES_APART = (0.6, 0.25, 0.15)
_AMOUNTS_APART = (0.1, 1.7)


@dataclass(frozen=True)
class Flaws:
    """How much of each kind, and where.

    Attributes
    ----------
    amounts : kind -> amount >= 0; 0 is flawless, 1 a struggling learner
    focus : (start, stop) fractions of the excerpt that are damaged, or None for all of it
    """

    amounts: dict[str, float]
    focus: tuple[float, float] | None = None


def draw_flaws(severity: float, rng: np.random.Generator) -> Flaws:
    """Split a severity among randomly chosen kinds, in random proportions.

    Parameters
    ----------
    severity : >= 0; the shares of the amounts add up to it, unless one kind would pass its cap or comes with less
        than its share among others
    rng : random numbers

    Returns
    -------
    Flaws; a quarter of them in one passage only
    """
    present = rng.random(len(KINDS)) < _P_KIND_PRESENT
    present[rng.integers(len(KINDS))] = True
    proportions = present * rng.uniform(0.2, 1.5, len(KINDS))
    shares = np.array([kind.weight for kind in KINDS.values()])
    amounts = np.minimum(severity * proportions / (shares @ proportions), MOST_OF_ONE_KIND)
    amounts *= [kind.among_others for kind in KINDS.values()]
    return Flaws(dict(zip(KINDS, amounts.tolist(), strict=True)), _draw_focus(rng))


def draw_apart(rng: np.random.Generator) -> Flaws:
    """One to three families of flaws, each as much as it likes, and nothing of the others.

    Where all families grow with one severity, how bad playing is on the whole tells much of each of them; a network
    that learns from such mixtures alone tells everything of a recording in which one thing is wrong.

    Parameters
    ----------
    rng : random numbers

    Returns
    -------
    Flaws; a quarter of them in one passage only
    """
    count = 1 + rng.choice(len(_P_FAMILIES_APART), p=_P_FAMILIES_APART)
    amounts = dict.fromkeys(KINDS, 0.0)
    for family in rng.choice(FAMILIES, count, replace=False):
        kinds = [name for name, kind in KINDS.items() if kind.family == family]
        present = rng.random(len(kinds)) < _P_KIND_PRESENT
        present[rng.integers(len(kinds))] = True
        proportions = present * rng.uniform(0.5, 1.5, len(kinds))
        amount = rng.uniform(*_AMOUNTS_APART)
        amounts |= dict(zip(kinds, np.minimum(amount * proportions, MOST_OF_ONE_KIND).tolist(), strict=True))
    return Flaws(amounts, _draw_focus(rng))


def _draw_focus(rng: np.random.Generator) -> tuple[float, float] | None:
    """A passage, in a quarter of the cases."""
    if rng.random() >= 0.25:
        return None
    width = rng.uniform(0.25, 0.6)
    start = rng.uniform(0, 1 - width)
    return start, start + width
