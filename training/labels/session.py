"""One annotator at work on a table of pairs: every answer is on the disk before the next question."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pkai.durable import alone
from training.labels.annotation import Answers, Grid, Rule, close, explain
from training.labels.contradictions import Contradiction, contradiction_of, find_contradictions
from training.labels.pairs import INFERRED, Key, Pair, answers_of, read_pairs, recordings_of, write_pairs
from training.labels.questions import Share, next_pair


@dataclass(frozen=True)
class Progress:
    """How far a table has come.

    Attributes
    ----------
    answered, inferred, unknown : pairs; together all of the table
    """

    answered: int
    inferred: int
    unknown: int


@dataclass(frozen=True)
class Taken:
    """What an answer led to.

    Attributes
    ----------
    followed : (pair as the table has it, label, chain of answers that shows it)
    contradiction : where the answer does not go with the earlier ones; it is kept all the same
    """

    followed: list[tuple[Pair, str]]
    contradiction: Contradiction | None


class Session:
    """Asks, takes answers, fills in what follows, saves.

    The file holds the answers and what follows from them, marked `inferred`; inferences are drawn afresh from the
    answers whenever one is given or taken back.

    Parameters
    ----------
    path : a table that `read_pairs` reads; rewritten after each answer
    annotator : written down as the source of the answers
    others : tables of the same pairs by other annotators, whose answers count and are not asked again
    """

    def __init__(
        self,
        path: Path,
        *,
        annotator: str,
        rule: Rule = "voted",
        share: Share | None = None,
        others: Sequence[Path] = (),
    ) -> None:
        annotator = annotator.strip()  # as it is read back
        if not annotator or annotator == INFERRED:
            raise ValueError(f"an annotator cannot be called {annotator!r}; give a name")
        self.path, self.annotator, self.rule, self.others = path, annotator, rule, others
        self.share = share or Share()
        self._given: list[tuple[Pair, Pair]] = []  # as the pair was before, and as it was answered
        self._skipped: set[Key] = set()
        self._read()

    def _read(self) -> None:
        """Take up what is in the table by now: others may have answered in it, or added pairs."""
        self._load()
        self._restart()

    def _load(self) -> None:
        seen = _state(self.path)
        self.pairs = {p.key: p if p.answered else p.unlabelled for p in read_pairs(self.path)}
        self._seen = seen

    def _restart(self) -> None:
        """Work out anew what is known, and hear what the others said meanwhile."""
        self._names = recordings_of(self.pairs.values())
        self._heard = [_state(path) for path in self.others]
        here = answers_of(self.pairs.values())
        labels = {key: label for path in self.others for key, label in answers_of(read_pairs(path)).items()}
        labels = {key: label for key, label in labels.items() if key in self.pairs} | here
        self._answers = Answers.of(self._names, labels)
        self.contradictions, self._agreeing = find_contradictions(self._names, labels.items(), self.rule)
        self._agreeing_here = self._agreeing
        if self.others:
            _, self._agreeing_here = find_contradictions(self._names, here.items(), self.rule)
        self._close()

    def _close(self) -> None:
        """Draw every inference afresh."""
        self._closure = close(self._answers, self.rule)
        known = self._closure.known
        for key, pair in self.pairs.items():
            if not pair.answered:
                self.pairs[key] = self._inferred(pair, known)

    def _inferred(self, pair: Pair, known: Grid) -> Pair:
        i, j = self._answers.index[pair.first], self._answers.index[pair.second]
        if not known[i, j]:
            return pair.unlabelled
        label = int(self._closure.better[i, j]) - int(self._closure.better[j, i])
        return replace(pair, label=label, source=INFERRED)

    @property
    def progress(self) -> Progress:
        """Counts of the whole table, others' answers among the inferred."""
        answered = sum(p.answered for p in self.pairs.values())
        inferred = sum(p.source == INFERRED for p in self.pairs.values())
        return Progress(answered, inferred, len(self.pairs) - answered - inferred)

    def next(self) -> Pair | None:
        """The pair to ask, or None when nothing is left for this annotator."""
        if self._heard != [_state(path) for path in self.others]:
            self._restart()
        askable = [p for key, p in self.pairs.items() if key not in self._skipped and self.share.holds(key)]
        common = {key for key in self.pairs if self.share.is_common(key)}
        return next_pair(self._answers, self._closure, [p for p in askable if not p.answered], common)

    def answer(self, pair: Pair, label: int) -> Taken:
        """Take an answer, 1, 0 or -1 as `pair` names the two, fill in what follows, and save.

        Raises
        ------
        ValueError
            If the label is none of the three, the table has no such pair, or somebody else answered it meanwhile.
        OSError
            If the table cannot be written; then nothing was answered.
        """
        with alone(self.path):
            return self._answer(pair, label)

    def _answer(self, pair: Pair, label: int) -> Taken:
        asked = self.pairs.get(pair.key)
        if _state(self.path) != self._seen:
            self._read()
        if pair.key not in self.pairs:
            raise ValueError(f"{pair.first} and {pair.second} are no pair of {self.path.name}")
        said = Pair(pair.first, pair.second, label)
        own = self.pairs[pair.key]
        if own.answered and own != asked:
            raise ValueError(f"{pair.first} and {pair.second} were answered meanwhile by {own.source}; that stays")
        given = replace(own, label=said.label_from(own.first), source=self.annotator)
        contradiction = self._contradiction(said, label)
        before = {key for key, p in self.pairs.items() if p.source == INFERRED}
        self.pairs[pair.key] = given
        self._answers.put(pair.first, pair.second, label)
        self._close()
        self.save()
        self._given.append((own if own.answered else own.unlabelled, given))
        return Taken(self._news(before), contradiction)

    def _contradiction(self, said: Pair, label: int) -> Contradiction | None:
        """Hold an answer against the earlier ones.

        Of a common pair only against this table's, as others answer it too and are to be told nothing of each other.
        """
        at_odds = contradiction_of(self._agreeing, said.first, said.second, label, self.rule)
        if at_odds is None:
            self._agreeing.put(said.first, said.second, label)
        else:
            self.contradictions.append(at_odds)
        if self._agreeing_here is self._agreeing:
            return at_odds
        here = contradiction_of(self._agreeing_here, said.first, said.second, label, self.rule)
        if here is None:
            self._agreeing_here.put(said.first, said.second, label)
        return here if self.share.is_common(said.key) else at_odds

    def _news(self, before: set[Key]) -> list[tuple[Pair, str]]:
        fresh = [p for key, p in self.pairs.items() if p.source == INFERRED and key not in before]
        return [(p, explain(self._answers, p, self.rule)) for p in fresh]

    def skip(self, pair: Pair) -> None:
        """Do not ask this pair again in this session."""
        self._skipped.add(pair.key)

    def undo(self) -> Pair | None:
        """Take this session's last answer back, and save; the pair that was answered, or None.

        Raises
        ------
        ValueError
            If the table holds another label by now; it stays, and the answer before it is the last one.
        OSError
            If the table cannot be written; then nothing was taken back.
        """
        if not self._given:
            return None
        with alone(self.path):
            return self._undo()

    def _undo(self) -> Pair:
        self._load()
        before, last = self._given[-1]
        if self.pairs.get(last.key) != last:
            self._restart()
            self._given.pop()
            raise ValueError(f"the label of {last.first} and {last.second} was changed meanwhile; it stays")
        self.pairs[last.key] = replace(self.pairs[last.key], label=before.label, source=before.source)
        self._restart()
        self.save()
        self._given.pop()
        return last

    def save(self) -> None:
        """Write the table, whole or not at all; what could not be written is forgotten."""
        try:
            write_pairs(self.path, list(self.pairs.values()))
        except BaseException:
            self._read()
            raise
        self._seen = _state(self.path)


def _state(path: Path) -> tuple[int, int, int]:
    """What differs after somebody wrote the file."""
    stat = path.stat()
    return stat.st_ino, stat.st_size, stat.st_mtime_ns
