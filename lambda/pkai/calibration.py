"""From scores, which only rank, to what people read: ratings, levels, intervals and odds.

The parameters are fitted by training on recordings that the network has not seen, and travel in the manifest.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

Outcome = Literal["better", "equivalent", "worse"]
LEVELS = ("beginner", "early-intermediate", "intermediate", "advanced", "expert")


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """A monotone map from score to rating and a Rao-Kupper model of comparisons.

    Attributes
    ----------
    score_knots, rating_knots : ascending, of equal length >= 2
        The rating, 0..100, is linear in the score between knots and goes on with the outer slopes, clipped.
    level_ratings : four ascending ratings
        Where each level but the first begins.
    scale : > 0, scores
        Score difference at which the odds of playing better are e : 1 where there is no tie band; more with one, for
        those that would be near are taken for ties.
    tie_band : >= 0, scores
        Differences below it are heard as equivalent; scale times the log of Rao and Kupper's threshold.
    sigma_rating : rating points
        Spread of the rating of a long recording about the mean of people's ratings, which is mostly the judge's error.
    interval_z : > 0
        Standard errors on either side of the rating; 1.28 makes an 80 % interval of normal errors.

    References
    ----------
    Rao and Kupper, Ties in paired-comparison experiments, JASA 62 (1967) 194-204.
    """

    score_knots: tuple[float, ...]
    rating_knots: tuple[float, ...]
    level_ratings: tuple[float, float, float, float]
    scale: float
    tie_band: float
    sigma_rating: float
    interval_z: float = 1.28

    def __post_init__(self) -> None:
        if len(self.score_knots) != len(self.rating_knots) or len(self.score_knots) < 2:
            raise ValueError("score_knots and rating_knots must be of equal length, two or more")
        if np.any(np.diff(self.score_knots) <= 0) or np.any(np.diff(self.rating_knots) <= 0):
            raise ValueError("score_knots and rating_knots must both ascend")
        if len(self.level_ratings) != len(LEVELS) - 1 or np.any(np.diff(self.level_ratings) <= 0):
            raise ValueError(f"level_ratings must be {len(LEVELS) - 1} ascending ratings")
        if self.scale <= 0 or self.tie_band < 0 or self.sigma_rating < 0 or self.interval_z <= 0:
            raise ValueError("scale and interval_z must be positive, tie_band and sigma_rating not negative")

    def rating(self, score: float) -> float:
        """Rating, 0..100, of a score; never falls as the score rises."""
        x, y = self.score_knots, self.rating_knots
        if score < x[0]:
            value = y[0] + (score - x[0]) * (y[1] - y[0]) / (x[1] - x[0])
        elif score > x[-1]:
            value = y[-1] + (score - x[-1]) * (y[-1] - y[-2]) / (x[-1] - x[-2])
        else:
            value = float(np.interp(score, x, y))
        return min(100.0, max(0.0, value))

    def rating_interval(self, local_scores: npt.NDArray[np.float64], score: float) -> tuple[float, float]:
        """Interval about the rating of `score`, wider the fewer and the less alike the passages.

        Parameters
        ----------
        local_scores : (N,) scores of passages that overlap little or not
        score : their consensus
        """
        n = len(local_scores)
        # One passage tells nothing of its own spread: it counts as uncertain as one comparison's odds.
        error = float(local_scores.std(ddof=1)) / np.sqrt(n) if n > 1 else self.scale
        spread = (self.rating(score + error) - self.rating(score - error)) / 2
        half = self.interval_z * float(np.hypot(self.sigma_rating, spread))
        rating = self.rating(score)
        return max(0.0, rating - half), min(100.0, rating + half)

    def level(self, rating: float) -> str:
        """Name of the level that a rating falls into."""
        return LEVELS[int(np.searchsorted(self.level_ratings, rating, side="right"))]

    def p_better(self, score: float, other: float) -> float:
        """Probability that the first plays better than the second, given that they do not tie."""
        return float(p_better(np.float64(score - other), scale=self.scale, tie_band=self.tie_band))

    def outcome(self, score: float, other: float) -> Outcome:
        """Whether the first is better, worse, or within the tie band."""
        if abs(score - other) < self.tie_band:
            return "equivalent"
        return "better" if score > other else "worse"


def p_better(
    gaps: npt.NDArray[np.float64] | np.float64, *, scale: float, tie_band: float
) -> npt.NDArray[np.float64] | np.float64:
    """Rao and Kupper's chance that the first wins, of those comparisons that somebody wins.

    Parameters
    ----------
    gaps : differences of score, the first less the second
    scale : > 0, scores
    tie_band : >= 0, scores

    Returns
    -------
    of the shape of `gaps`, 0..1; turning the gap round mirrors it about 0.5
    """
    log_odds, band = np.clip(gaps / scale, -60, 60), min(tie_band / scale, 60)
    # One over the chance of winning is 1 + e^(band - log odds), of losing 1 + e^(band + log odds).
    chance: npt.NDArray[np.float64] | np.float64 = 1 / (
        1 + np.exp(np.logaddexp(0, band - log_odds) - np.logaddexp(0, band + log_odds))
    )
    return chance
