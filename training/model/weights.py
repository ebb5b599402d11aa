"""The exported networks' weights, kept beside their ONNX graph so that training can go on from them."""

import dataclasses
import hashlib
import io
import json
from pathlib import Path
from typing import cast

import numpy as np
import torch

from pkai.errors import ModelContractError, ModelIntegrityError
from training.fitting.config import build
from training.model import half_precision
from training.model.export import WEIGHTS_FILE, MeanOfNetworks
from training.networks import pairwise
from training.networks.ranker import NetworkConfig, Ranker

_ABOUT = "about"


def pack(mean: MeanOfNetworks, config: NetworkConfig) -> bytes:
    """All that `read` needs to build the networks again, as a NumPy archive; the same bytes each time.

    Parameters
    ----------
    mean : networks of one size
    config : their size
    """
    arrays: dict[str, np.ndarray] = {}
    for index, network in enumerate(mean.networks):
        arrays |= {f"{index}/{name}": _stored(tensor.cpu().numpy()) for name, tensor in network.state_dict().items()}
    features = cast(Ranker, mean.networks[0]).features
    about = {
        "network": dataclasses.asdict(config),
        "features": features,
        "centres": mean.centres,
        "spreads": mean.spreads,
    }
    archive = io.BytesIO()
    np.savez(archive, allow_pickle=False, **{_ABOUT: np.array(json.dumps(about))}, **arrays)
    return archive.getvalue()


def read(folder: Path) -> tuple[MeanOfNetworks, NetworkConfig]:
    """The networks of a model folder, in evaluation mode, and their size.

    Parameters
    ----------
    folder : holding `manifest.json` and the weights that it names

    Raises
    ------
    ModelContractError
        If the model came without weights, or they are of another network than this version's.
    ModelIntegrityError
        If their hash is not the manifest's.
    """
    path = folder / WEIGHTS_FILE
    try:
        wanted = json.loads((folder / "manifest.json").read_bytes())["weights"]["sha256"]
        content = path.read_bytes()
    except (OSError, KeyError, TypeError) as err:
        raise ModelContractError(f"{folder} holds no {WEIGHTS_FILE} that its manifest names; export it anew") from err
    found = hashlib.sha256(content).hexdigest()
    if found != wanted:
        raise ModelIntegrityError(
            f"{WEIGHTS_FILE} has sha256 {found[:12]}…; its manifest says {wanted[:12]}…: fetch the model again"
        )
    try:
        return unpack(content)
    except (RuntimeError, KeyError, TypeError, ValueError) as err:
        raise ModelContractError(f"{path} is of another network than this version trains: {err}") from err


def _stored(array: np.ndarray) -> np.ndarray:
    half = half_precision.halved(array)
    return array if half is None else half


def _widened(array: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(array.astype(np.float32) if array.dtype == np.float16 else array)


def unpack(content: bytes) -> tuple[MeanOfNetworks, NetworkConfig]:
    """The networks that `pack` packed, in evaluation mode, and their size."""
    with np.load(io.BytesIO(content), allow_pickle=False) as archive:
        arrays = dict(archive)
    about = json.loads(str(arrays.pop(_ABOUT)))
    config = build(NetworkConfig, about["network"])
    heard = []
    for index in range(len(about["centres"])):
        prefix = f"{index}/"
        state = {k.removeprefix(prefix): _widened(v) for k, v in arrays.items() if k.startswith(prefix)}
        network = pairwise.build(config, len(state["tell_flaws.bias"]), about.get("features", "log-mel"))
        network.load_state_dict(state, strict=True)
        heard.append(network.eval())
    return MeanOfNetworks(heard, about["centres"], about["spreads"]).eval(), config
