"""What a teacher would say of a family of flaws: what was heard, where, and how to practise it."""

import itertools
from collections.abc import Sequence

from pkai.diagnosis import Extent
from pkai.terminal import minutes

# (what is heard where there is some of it, where there is much, how to practise); {where} tells the places.
_WORDS = {
    "timing": (
        "The rhythm is a little uneven{where}",
        "The rhythm wavers{where}",
        "count aloud, or play with a metronome at a calmer tempo",
    ),
    "tempo": (
        "The tempo does not quite sit{where}",
        "The tempo is not yet where it should be{where}",
        "find a speed at which it all feels easy, keep it to the end, and raise it a notch at a time",
    ),
    "notes": (
        "A few notes seem wrong, missing or added{where}",
        "Many notes seem wrong, missing or added{where}",
        "check them against the score, hands apart, then together",
    ),
    "dynamics": (
        "The loudness is a little bumpy or flat{where}",
        "The loudness is bumpy or flat{where}",
        "let the melody lead, and give every phrase a place to go",
    ),
    "articulation": (
        "Some tones end too early or hang over{where}",
        "Many tones end too early or hang over{where}",
        "listen to how each tone ends, slowly, without the pedal",
    ),
    "pedal": (
        "The pedal blurs a little or misses a change{where}",
        "The pedal blurs or misses changes{where}",
        "change it just after each new harmony, and try the passage once without it",
    ),
    "hesitation": (
        "The playing halts now and then{where}",
        "The playing often halts or starts again{where}",
        "practise the bars just before slowly, then play on whatever happens",
    ),
}
_NOTHING = {
    "timing": "steady",
    "tempo": "it sits well",
    "notes": "clean, as far as can be heard",
    "dynamics": "in good hands",
    "articulation": "tones end where they should",
    "pedal": "nothing to mend",
    "hesitation": "it flows",
}
# Longer than this, a passage is told by its beginning and end.
_AROUND_S = 8.5


def sentence(family: str, extent: Extent, places: Sequence[tuple[float, float]]) -> str:
    """A few words about one family of flaws.

    Parameters
    ----------
    family : one of `pkai.diagnosis.FAMILIES`
    extent : how much of it
    places : (start_s, end_s) where it stands out, in order; none if it does nowhere more than elsewhere
    """
    name = family.capitalize()
    if extent == "none":
        return f"{name}: {_NOTHING[family]}."
    some, much, practise = _WORDS[family]
    heard = (much if extent == "much" else some).format(where=_where(places))
    return f"{name}: {extent}. {heard}: {practise}."


def unjudged(family: str) -> str:
    """What is said of a family that the model does not hear well enough."""
    return f"{family.capitalize()}: not judged, for it is not heard well enough."


def _where(places: Sequence[tuple[float, float]]) -> str:
    if not places:
        return " throughout"
    told = [
        f"around {minutes((start_s + end_s) / 2)}"
        if end_s - start_s <= _AROUND_S
        else f"from {minutes(start_s)} to {minutes(end_s)}"
        for start_s, end_s in places
    ]
    told[1:] = [
        place.removeprefix("around ") if before.startswith("around ") else place
        for before, place in itertools.pairwise(told)
    ]
    return f", most of all {', '.join(told[:-1])} and {told[-1]}" if len(told) > 1 else f" {told[0]}"
