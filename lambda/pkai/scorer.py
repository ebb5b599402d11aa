"""The judge: a recording in, an assessment out."""

import dataclasses
import itertools
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnxruntime as ort
from onnxruntime.capi import onnxruntime_pybind11_state as ort_errors

from pkai import (
    artifact,
    audio,
    consensus,
    diagnosis,
    explanation,
    features,
    findings,
    hearing,
    playing,
    references,
    segments,
    selection,
)
from pkai.assessment import (
    Assessment,
    Comparison,
    ModelIdentity,
    Notice,
    PairAssessment,
    Passage,
    Rank,
    RecordingFacts,
    TimelinePoint,
)
from pkai.audio import AudioSource
from pkai.errors import ModelContractError
from pkai.explanation import Explanation
from pkai.features import Frames
from pkai.hearing import Floats, Hearing
from pkai.references import Reference
from pkai.segments import Starts
from pkai.selection import Selection, Wish

if TYPE_CHECKING:
    from pkai.chroma import Listener

# onnxruntime's own errors have no common root; these are what it raises on bytes that it cannot make a network of.
_BAD_GRAPH = (ort_errors.Fail, ort_errors.InvalidGraph, ort_errors.InvalidProtobuf, ort_errors.NotImplemented)
# Snippets run through the network at once: few enough that their activations stay in a core's cache.
SNIPPETS_PER_RUN = 4
N_STANDOUT_PASSAGES = 3
# Points of rating; what is nearer together is mostly heard as equal.
STANDS_OUT_BY = 5.0


class Judge:
    """A model and its references, ready to assess recordings; safe to share between threads."""

    def __init__(self, model: artifact.ModelFiles, *, n_threads: int = 0) -> None:
        self.manifest = model.manifest
        self._folder, self._n_threads = model.folder, n_threads
        self._session = _session(model.onnx, n_threads)
        _refuse_other_contract(self._session, model.manifest)

    @classmethod
    def load(cls, model_root: Path, name: str, *, n_threads: int = 0) -> "Judge":
        """Read the model `name` under `model_root`.

        Parameters
        ----------
        model_root : folder that holds `<name>/manifest.json`, and `references/references.json` if there are any
        name : of the architecture, "pdr" or "apr"
        n_threads : of the network; 0 takes every core

        Raises
        ------
        ModelError
            If a file is missing, damaged, or of another contract.
        """
        return cls(artifact.load(model_root / name), n_threads=n_threads)

    @cached_property
    def references(self) -> tuple[Reference, ...]:
        """Those beside the model, read when they are first asked for.

        Raises
        ------
        ModelContractError
            If there is no list of references, or another thing in its place.
        """
        kept = self._folder.parent / "references" / references.FILE_NAME
        try:
            return references.parse(kept.read_bytes(), where=kept.name)
        except OSError as err:
            raise ModelContractError(f"there is no list of references at {kept} ({err.strerror})") from err

    def assess(
        self,
        source: AudioSource,
        *,
        piece: str | None = None,
        reference_names: tuple[str, ...] | None = None,
        known: tuple[Reference, ...] | None = None,
    ) -> Assessment:
        """Rate a recording and compare it with the references.

        Parameters
        ----------
        source : path, or seekable binary file
        piece : compare with the references of this piece only
        reference_names : compare with these references only; with neither, the piece is recognised
        known : the references there are; None takes those of the model folder

        Raises
        ------
        RecordingError
            If the recording cannot be judged.
        RequestError
            If the piece or a reference is unknown.
        """
        wish = Wish(piece=piece, names=reference_names)
        known = self.references if known is None else known
        selection.refuse(wish, known, model_sha256=self.manifest.sha256)
        hearing = self.hear(source, with_chroma=wish.is_open)
        return self.assessment(hearing, self.choose(hearing, wish, known))

    def choose(self, hearing: Hearing, wish: Wish, known: tuple[Reference, ...]) -> Selection:
        """Choose what to compare with what was heard; raises what `selection.choose` does."""
        return selection.choose(wish, known, model_sha256=self.manifest.sha256, chroma=hearing.chroma)

    def pair_assessment(self, first: Assessment, second: Assessment) -> PairAssessment:
        """Say which of two assessed recordings is played better."""
        calibration = self.manifest.calibration
        return PairAssessment(
            outcome=calibration.outcome(first.score, second.score),
            p_better=calibration.p_better(first.score, second.score),
            first=first,
            second=second,
        )

    def hear(self, source: AudioSource, *, with_chroma: bool = False) -> Hearing:
        """Decode a recording and run the network over all that was played.

        Parameters
        ----------
        source : path, or seekable binary file
        with_chroma : also hear what its piece is recognised by

        Raises
        ------
        RecordingError
            If the recording cannot be judged.
        """
        config = self.manifest.features
        decoding = audio.Decoding()
        blocks = audio.stream(source, sample_rate=config.sample_rate, decoding=decoding)
        listener = _listener(config) if with_chroma else None
        mel = features.mel_frames(listener.passing(blocks) if listener else blocks, config)
        start, stop = playing.span(mel, config)
        snippet_frames = self.manifest.segments.snippet_frames(config)
        segments.refuse_too_short(stop - start, snippet_frames, config, decoding.duration_s)
        recording = RecordingFacts(
            duration_s=decoding.duration_s,
            played_from_s=start / config.frames_per_s,
            played_to_s=min(stop / config.frames_per_s, decoding.duration_s),
            codec=decoding.codec,
            sample_rate=decoding.source_sample_rate,
            channels=decoding.channels,
        )
        has_tones = playing.has_tones(mel[start:stop], config)
        played = features.normalise(mel[start:stop], config, overwrite=True)
        return dataclasses.replace(
            self.hear_features(played, recording),
            damaged_packets=decoding.damaged_packets,
            chroma=listener.loudness() if listener else None,
            has_tones=has_tones,
        )

    def hear_features(self, played: Frames, recording: RecordingFacts) -> Hearing:
        """Run the network over features that were computed before.

        Parameters
        ----------
        played : (T, n_features) of the played part, normalised, one snippet long at least
        recording : facts about the file that they are of
        """
        snippet_frames = self.manifest.segments.snippet_frames(self.manifest.features)
        hop_frames = self.manifest.segments.hop_s * self.manifest.features.frames_per_s
        starts = segments.dense_starts(len(played), snippet_frames, round(hop_frames))
        scores, attention, flaws = self._run(played, starts, snippet_frames)
        local_flaws = hearing.mean_over_snippets(flaws, starts, len(played))
        cost = diagnosis.cost(local_flaws, self.manifest.diagnosis)
        mean_score = float(scores @ consensus.shares(starts, snippet_frames, len(played)))
        return Hearing(
            recording=recording,
            features=played,
            frames_per_s=self.manifest.features.frames_per_s,
            starts=starts,
            snippet_frames=snippet_frames,
            moments=self.manifest.segments.moments,
            edges=hearing.timeline_edges(len(played), hop_frames),
            snippet_scores=scores,
            local_score=mean_score - (cost - cost.mean()),
            local_attention=hearing.mean_over_snippets(attention, starts, len(played)),
            local_flaws=local_flaws,
            damaged_packets=0,
        )

    def assessment(self, heard: Hearing, chosen: Selection) -> Assessment:
        """Put what was heard into ratings, passages and comparisons."""
        calibration = self.manifest.calibration
        timeline = tuple(self._timeline(heard))
        local_scores = heard.snippet_scores[
            :: max(1, round(self.manifest.segments.snippet_s / self.manifest.segments.hop_s))
        ]
        score = heard.score
        rating = calibration.rating(score)
        comparisons = tuple(self._comparison(score, reference) for reference in chosen.references)
        strongest, weakest = self._standout_passages(heard)
        return Assessment(
            model=ModelIdentity(name=self.manifest.name, version=self.manifest.version, sha256=self.manifest.sha256),
            recording=heard.recording,
            score=score,
            rating=rating,
            rating_interval=calibration.rating_interval(local_scores, score),
            level=calibration.level(rating),
            piece=chosen.piece,
            timeline=timeline,
            strongest=strongest,
            weakest=weakest,
            diagnosis=findings.findings(heard, self.manifest),
            comparisons=comparisons,
            rank=Rank(better_than=sum(c.outcome == "better" for c in comparisons), of=len(comparisons)),
            warnings=(*_warnings(heard), *chosen.notices),
        )

    def explain(self, heard: Hearing) -> Explanation:
        """Which sounds raised a rating more than others, and which less; the graph is loaded at the first call.

        Raises
        ------
        ModelError
            If the model came without that graph, or it was changed.
        """
        return explanation.explain(self._explainer, heard, self.manifest)

    @cached_property
    def _explainer(self) -> ort.InferenceSession:
        return explanation.load(self._folder, self.manifest, n_threads=self._n_threads)

    def _run(self, played: Frames, starts: Starts, snippet_frames: int) -> tuple[Floats, Floats, Floats]:
        """Scores (K,), attention (K, S) of mean 1 in each row, and flaws (K, F, S)."""
        scores, attention, flaws = [], [], []
        for first in range(0, len(starts), SNIPPETS_PER_RUN):
            snippets = segments.cut(played, starts[first : first + SNIPPETS_PER_RUN], snippet_frames)
            outputs: Any = self._session.run(
                artifact.OUTPUT_NAMES, {artifact.INPUT_NAME: np.ascontiguousarray(snippets)}
            )
            scores.append(outputs[0])
            attention.append(hearing.per_frame(outputs[1], snippet_frames))
            flaws.append(hearing.per_frame(outputs[2], snippet_frames))
        if not np.isfinite(np.concatenate(scores)).all():
            raise ModelContractError("the model gave a score that is no finite number; put another model in place")
        spread = np.concatenate(attention)
        spread /= np.maximum(spread.mean(axis=1, keepdims=True), 1e-12)
        return np.concatenate(scores).astype(np.float64), spread, np.concatenate(flaws)

    def _timeline(self, heard: Hearing) -> Iterator[TimelinePoint]:
        scores, attention = (heard.on_timeline(local) for local in (heard.local_score, heard.local_attention))
        for i, (start, stop) in enumerate(itertools.pairwise(heard.edges.tolist())):
            yield TimelinePoint(
                start_s=heard.second(start),
                end_s=heard.second(stop),
                rating=self.manifest.calibration.rating(float(scores[i])),
                attention=float(attention[i]),
            )

    def _standout_passages(self, heard: Hearing) -> tuple[tuple[Passage, ...], tuple[Passage, ...]]:
        """Where playing is strongest and weakest: the snippets furthest from the mean, none overlapping another.

        Only where the rating is so many points from that of most snippets; an even recording has neither.
        """
        n_each = min(N_STANDOUT_PASSAGES, len(heard.local_score) // heard.snippet_frames // 3)
        scores = heard.over_snippets(heard.local_score)
        distance = scores - scores.mean()
        strongest: list[int] = []
        weakest: list[int] = []
        for k in np.argsort(-np.abs(distance), kind="stable").tolist():
            side = strongest if distance[k] > 0 else weakest
            taken = heard.starts[strongest + weakest]
            if len(side) < n_each and np.all(np.abs(taken - heard.starts[k]) >= heard.snippet_frames):
                side.append(k)
        usual = self.manifest.calibration.rating(float(np.median(scores)))
        return (
            tuple(one for one in self._passages(heard, scores, strongest) if one.rating - usual >= STANDS_OUT_BY),
            tuple(one for one in self._passages(heard, scores, weakest) if usual - one.rating >= STANDS_OUT_BY),
        )

    def _passages(self, heard: Hearing, scores: Floats, snippets: list[int]) -> tuple[Passage, ...]:
        return tuple(
            Passage(
                start_s=heard.second(int(heard.starts[k])),
                end_s=heard.second(int(heard.starts[k]) + heard.snippet_frames),
                rating=self.manifest.calibration.rating(float(scores[k])),
            )
            for k in snippets
        )

    def _comparison(self, score: float, reference: Reference) -> Comparison:
        calibration, sha256 = self.manifest.calibration, self.manifest.sha256
        other = reference.scores[sha256]
        return Comparison(
            reference=references.rated(reference, calibration, model_sha256=sha256),
            outcome=calibration.outcome(score, other),
            p_better=calibration.p_better(score, other),
        )


def _session(onnx: bytes, n_threads: int) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.intra_op_num_threads = n_threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3  # arm64 Lambda hides its CPU topology, and onnxruntime warns of that each time
    try:
        return ort.InferenceSession(onnx, options, providers=["CPUExecutionProvider"])
    except _BAD_GRAPH as err:
        raise ModelContractError(f"model.onnx is no graph that onnxruntime {ort.__version__} can load: {err}") from err


def _refuse_other_contract(session: ort.InferenceSession, manifest: artifact.Manifest) -> None:
    snippet_shape = [manifest.segments.snippet_frames(manifest.features), manifest.features.n_features]
    inputs = {node.name: list(node.shape[1:]) for node in session.get_inputs()}
    outputs = {node.name for node in session.get_outputs()}
    if inputs != {artifact.INPUT_NAME: snippet_shape} or not outputs.issuperset(artifact.OUTPUT_NAMES):
        raise ModelContractError(
            f"the graph takes {inputs} and gives {sorted(outputs)}; the manifest promises "
            f"{{'{artifact.INPUT_NAME}': {snippet_shape}}} and {sorted(artifact.OUTPUT_NAMES)}"
        )


def _listener(config: features.FeatureConfig) -> "Listener":
    from pkai.chroma import Listener  # only here: who names the piece does not wait for it

    return Listener(config)


def _warnings(heard: Hearing) -> Iterator[Notice]:
    if heard.damaged_packets:
        yield Notice(
            code="damaged_audio",
            message=f"{heard.damaged_packets} damaged pieces of the file were skipped; send an undamaged copy",
        )
    if not heard.has_tones:
        yield Notice(
            code="no_tones",
            message="hardly a tone of a piano was heard, so the rating means little; check the microphone",
        )
    played_s = heard.recording.played_to_s - heard.recording.played_from_s
    if played_s < 20:
        yield Notice(
            code="short_recording",
            message=f"only {played_s:.0f} s were played; 20 s or more give a surer rating",
        )
