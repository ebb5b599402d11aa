"""What P-KAI says about a recording: plain values, the same for the command line, the service and the page."""

from dataclasses import dataclass
from typing import Literal

from pkai.calibration import Outcome
from pkai.diagnosis import Extent


@dataclass(frozen=True, kw_only=True)
class ModelIdentity:
    """Which weights judged."""

    name: str
    version: str
    sha256: str


@dataclass(frozen=True, kw_only=True)
class RecordingFacts:
    """What the recording is: lengths in seconds, Hz, channels as in the file."""

    duration_s: float
    played_from_s: float
    played_to_s: float
    codec: str
    sample_rate: int
    channels: int


@dataclass(frozen=True, kw_only=True)
class TimelinePoint:
    """One stretch of the recording: its rating, 0..100, and its attention, 1 being the mean."""

    start_s: float
    end_s: float
    rating: float
    attention: float


@dataclass(frozen=True, kw_only=True)
class Passage:
    """A snippet that stands out, with its rating, 0..100."""

    start_s: float
    end_s: float
    rating: float


@dataclass(frozen=True, kw_only=True)
class Stretch:
    """A part of the recording."""

    start_s: float
    end_s: float


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What was heard of one family of flaws.

    Attributes
    ----------
    family : timing, tempo, notes, dynamics, articulation, pedal or hesitation
    extent : how much of it, in a word
    severity : mean over the recording, not negative; 1 is what a struggling learner does
    cost : points of rating that were gained without it, as far as the skill ladder teaches; tells what matters most
    over_time : severity at each point of the timeline
    passages : where it is worst, in order; none if there is none of it, or it is as bad everywhere
    sentence : what was heard in a teacher's words, with times
    judged : whether the model hears it well enough to say a word of it; if not, the extent is "none" and means nothing
    """

    family: str
    extent: Extent
    severity: float
    cost: float
    over_time: tuple[float, ...]
    passages: tuple[Stretch, ...]
    sentence: str
    judged: bool = True


@dataclass(frozen=True, kw_only=True)
class ReferenceIdentity:
    """A reference performance: rating, 0..100, by the same model."""

    name: str
    title: str
    piece: str
    level: str
    rating: float


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """How the recording stands against one reference; p_better is the recording's chance."""

    reference: ReferenceIdentity
    outcome: Outcome
    p_better: float


@dataclass(frozen=True, kw_only=True)
class PieceIdentity:
    """Which piece was played, so that it is compared with references of that piece.

    Attributes
    ----------
    name : of the piece; none if it is unknown
    confidence : 0..1, that it is the piece named here or, if it is unknown, the most similar of the references' pieces
    how : the asker named it, it was recognised, or it is unknown and compared with all references
    """

    name: str | None
    confidence: float
    how: Literal["named", "recognised", "unknown"]


@dataclass(frozen=True, kw_only=True)
class Rank:
    """Of how many references the recording is better than how many."""

    better_than: int
    of: int


@dataclass(frozen=True, kw_only=True)
class Notice:
    """Something about the recording that makes the assessment less sure."""

    code: str
    message: str


@dataclass(frozen=True, kw_only=True)
class Assessment:
    """The answer to "how well was this played?"."""

    model: ModelIdentity
    recording: RecordingFacts
    score: float
    rating: float
    rating_interval: tuple[float, float]
    level: str
    piece: PieceIdentity
    timeline: tuple[TimelinePoint, ...]
    strongest: tuple[Passage, ...]
    weakest: tuple[Passage, ...]
    diagnosis: tuple[Finding, ...]
    comparisons: tuple[Comparison, ...]
    rank: Rank
    warnings: tuple[Notice, ...]


@dataclass(frozen=True, kw_only=True)
class PairAssessment:
    """The answer to "who plays better?"; outcome and p_better speak of the first."""

    outcome: Outcome
    p_better: float
    first: Assessment
    second: Assessment
