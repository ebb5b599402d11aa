"""Assessments by hand, for tests of how they are shown."""

from pkai.assessment import (
    Assessment,
    Comparison,
    Finding,
    ModelIdentity,
    Notice,
    Passage,
    PieceIdentity,
    Rank,
    RecordingFacts,
    ReferenceIdentity,
    Stretch,
    TimelinePoint,
)
from pkai.calibration import Outcome
from pkai.diagnosis import FAMILIES

RATINGS = (40.0, 42.0, 55.0, 61.0, 58.0, 35.0, 30.0, 44.0, 52.0, 49.0)


def assessment(
    *,
    rating: float = 47.6,
    ratings: tuple[float, ...] = RATINGS,
    comparisons: tuple[Comparison, ...] | None = None,
    warnings: tuple[Notice, ...] = (),
    played_from_s: float = 0.0,
    duration_s: float | None = None,
) -> Assessment:
    """An assessment of a recording with one timeline point every 4 s."""
    played_to_s = played_from_s + 4.0 * len(ratings)
    compared = (comparison("elise-expert", 80.0), comparison("elise-beginner", 20.0))
    chosen = compared if comparisons is None else comparisons
    return Assessment(
        model=ModelIdentity(name="pdr", version="1.2.3", sha256="0" * 64),
        recording=RecordingFacts(
            duration_s=played_to_s if duration_s is None else duration_s,
            played_from_s=played_from_s,
            played_to_s=played_to_s,
            codec="mp3",
            sample_rate=44_100,
            channels=2,
        ),
        score=-1.0,
        rating=rating,
        rating_interval=(max(0.0, rating - 6.6), min(100.0, rating + 6.6)),
        level="intermediate",
        piece=PieceIdentity(name="fur-elise", confidence=0.97, how="recognised"),
        timeline=tuple(
            TimelinePoint(start_s=played_from_s + 4.0 * i, end_s=played_from_s + 4.0 * (i + 1), rating=r, attention=1.0)
            for i, r in enumerate(ratings)
        ),
        strongest=(Passage(start_s=12.0, end_s=20.0, rating=61.2),),
        weakest=(Passage(start_s=20.0, end_s=28.0, rating=30.4),),
        diagnosis=tuple(_finding(family, len(ratings), played_from_s) for family in FAMILIES),
        comparisons=chosen,
        rank=Rank(better_than=sum(c.outcome == "better" for c in chosen), of=len(chosen)),
        warnings=warnings,
    )


def _finding(family: str, n_points: int, played_from_s: float) -> Finding:
    """Much hesitation at the third point of the timeline, some bumpiness throughout, and nothing else."""
    over_time = [0.0] * n_points
    if family == "hesitation":
        over_time[min(2, n_points - 1)] = 4.0
        place = Stretch(start_s=played_from_s + 8.0, end_s=played_from_s + 12.0)
        return Finding(
            family=family, extent="much", severity=0.4, cost=12.0, over_time=tuple(over_time), passages=(place,),
            sentence="Hesitation: much. The playing often halts or starts again around 0:10: practise the bars before.",
        )  # fmt: skip
    if family == "dynamics":
        return Finding(
            family=family, extent="some", severity=0.5, cost=5.0, over_time=(0.5,) * n_points, passages=(),
            sentence="Dynamics: some. The loudness is a little bumpy or flat throughout: let the melody lead.",
        )  # fmt: skip
    return Finding(
        family=family, extent="none", severity=0.0, cost=0.0, over_time=tuple(over_time), passages=(),
        sentence=f"{family.capitalize()}: nothing to mend.",
    )  # fmt: skip


def comparison(name: str, rating: float, *, own_rating: float = 47.6, title: str | None = None) -> Comparison:
    """A comparison with a reference of a rating; who is better follows from both ratings."""
    outcome: Outcome = "better" if own_rating > rating else "worse"
    return Comparison(
        reference=ReferenceIdentity(
            name=name, title=title or f"Für Elise, {name}", piece="fur-elise", level="expert", rating=rating
        ),
        outcome=outcome,
        p_better=min(0.999, max(0.001, 0.5 + (own_rating - rating) / 60)),
    )
