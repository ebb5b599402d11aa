"""Why a recording was rated so: which sounds, at which time and frequency, raised the rating, and which did not.

The graph behind it, `explain.onnx`, is Grad-CAM of the score (`training/model/grad_cam.py`), loaded only when asked
for. Nearly all that is played raises the score above that of silence, a beginner's playing as well. So each moment is
held against the mean of its band over the recording.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from pkai import artifact, hearing, segments
from pkai.artifact import Manifest
from pkai.errors import ModelContractError
from pkai.hearing import Hearing

_SNIPPETS_PER_RUN = 4


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """A heat map over the mel spectrogram of what was played.

    Attributes
    ----------
    heat : (T, n_mels) float32, -1..1: what raised the rating more than its band does on average in this recording is
        above 0, what raised it less is below; 1 is the most in this recording. T are the frames of `Hearing.features`.
        It is as fine as the network's last maps: 0.16 s, and a few bands over all frequencies; smooth in between. Of a
        network that hears cepstra it is the same at all frequencies
    """

    heat: npt.NDArray[np.float32]

    @property
    def over_time(self) -> npt.NDArray[np.float32]:
        """Mean over frequency, (T,)."""
        return np.asarray(self.heat.mean(axis=1))


def load(folder: Path, manifest: Manifest, *, n_threads: int) -> ort.InferenceSession:
    """The graph that explains, verified; its weights are those of the model beside it.

    Raises
    ------
    ModelContractError
        If the model came without one, or it is of another contract.
    ModelIntegrityError
        If its hash is not the manifest's.
    """
    path = artifact.verified_explanation(folder, manifest)
    options = ort.SessionOptions()
    options.intra_op_num_threads = n_threads
    options.log_severity_level = 3
    session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    if [node.name for node in session.get_outputs()] != [artifact.EXPLANATION_OUTPUT]:
        raise ModelContractError(f"{path.name} must give {artifact.EXPLANATION_OUTPUT} and nothing else")
    return session


def explain(session: ort.InferenceSession, heard: Hearing, manifest: Manifest) -> Explanation:
    """Run the graph over every snippet and merge what overlaps, every frame counted once."""
    maps = []
    for first in range(0, len(heard.starts), _SNIPPETS_PER_RUN):
        snippets = segments.cut(heard.features, heard.starts[first : first + _SNIPPETS_PER_RUN], heard.snippet_frames)
        inputs = {artifact.INPUT_NAME: np.ascontiguousarray(snippets)}
        maps.append(session.run([artifact.EXPLANATION_OUTPUT], inputs)[0])
    steps = np.concatenate(maps).transpose(0, 2, 1)  # (K, M', T')
    local = hearing.mean_over_snippets(
        hearing.per_frame(steps, heard.snippet_frames), heard.starts, len(heard.features)
    )  # (M', T)
    if manifest.features.kind == "mfcc":
        local = local.mean(axis=0, keepdims=True)
    local -= local.mean(axis=1, keepdims=True)
    heat = local.T @ _between_bands(len(local), manifest.features.n_mels)
    return Explanation(heat=(heat / max(float(np.abs(heat).max()), 1e-12)).astype(np.float32))


def _between_bands(n_maps: int, n_mels: int) -> npt.NDArray[np.float64]:
    """Linear interpolation from the maps' centres to each mel band, (M', n_mels); columns add up to 1."""
    centres = (np.arange(n_maps) + 0.5) * n_mels / n_maps - 0.5
    return np.stack([np.interp(np.arange(n_mels), centres, row) for row in np.eye(n_maps)])
