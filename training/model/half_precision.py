"""Weights stored in 16 bits: half the size, and the same answers, for networks are rounded before they are measured.

Arithmetic stays in 32 bits, which is as fast on a CPU: onnxruntime widens the weights when it loads the graph.
"""

import numpy as np
import numpy.typing as npt
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from training.model.layout import Convolution, Norm, with_norms

# Shorter tensors are kept as they are: biases, and what normalises.
_ROUNDED_FROM = 1024
# A weight that 16 bits hold comes out of 32-bit arithmetic no further from it than this, relatively.
_ARITHMETIC = 1e-6
_SUFFIX = ".float16"


@torch.no_grad()
def round_weights(network: nn.Module) -> None:
    """Round the larger weights of a network, in place, to what 16 bits hold.

    Convolutions take over the scale of the norms behind them first. So the weights of the exported graph, in which
    norms are fused, are the rounded ones too.

    Parameters
    ----------
    network : in evaluation mode
    """
    for _, _, convolution, norm in with_norms(network):
        _take_scale(convolution, norm)
    for weights in network.parameters():
        if weights.numel() >= _ROUNDED_FROM:
            weights.copy_(weights.half())


def _take_scale(convolution: Convolution, norm: Norm) -> None:
    """The same answers, with a norm that shifts and does not scale."""
    mean, variance = norm.running_mean, norm.running_var
    assert convolution.bias is None and mean is not None and variance is not None  # noqa: S101 - as all ours are built
    scale = norm.weight / torch.sqrt(variance + norm.eps)
    convolution.weight.mul_(scale.view(-1, *[1] * (convolution.weight.ndim - 1)))
    mean.mul_(scale)
    variance.mul_(scale**2)
    norm.weight.copy_(torch.sqrt(variance + norm.eps))


def halved(weights: npt.NDArray[np.float32]) -> npt.NDArray[np.float16] | None:
    """The same weights in 16 bits, or None if they are few or these do not hold them."""
    if weights.dtype != np.float32 or weights.size < _ROUNDED_FROM:
        return None
    with np.errstate(over="ignore"):  # what is too large comes out infinite, and so not the same
        half = weights.astype(np.float16)
    return half if np.allclose(half, weights, rtol=_ARITHMETIC, atol=0.0) else None


def store_halved(model: onnx.ModelProto) -> None:
    """Store the weights of a graph that 16 bits hold in 16 bits, in place; a Cast behind each widens it."""
    for index, tensor in enumerate(model.graph.initializer):
        half = halved(numpy_helper.to_array(tensor)) if tensor.data_type == TensorProto.FLOAT else None
        if half is not None:
            stored = tensor.name + _SUFFIX
            model.graph.node.insert(0, helper.make_node("Cast", [stored], [tensor.name], to=TensorProto.FLOAT))
            model.graph.initializer[index].CopyFrom(numpy_helper.from_array(half, stored))


def widen(model: onnx.ModelProto) -> None:
    """The reverse, for tools that look for weights in 32 bits."""
    stored = {tensor.name: index for index, tensor in enumerate(model.graph.initializer)}
    casts = [node for node in model.graph.node if node.op_type == "Cast" and node.input[0] in stored]
    for node in casts:
        tensor = model.graph.initializer[stored[node.input[0]]]
        tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float32), node.output[0]))
        model.graph.node.remove(node)
