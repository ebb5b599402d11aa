"""Grad-CAM of the score as an ONNX graph of its own, so that the service explains a rating without torch.

The gradient is taken by torch's own autograd while the graph is traced, and so becomes plain operators of the graph: it
holds for every network whose maps come from a part named `trunk`.

References
----------
Selvaraju et al., Grad-CAM: Visual Explanations from Deep Networks via Gradient-based Localization, ICCV 2017
(eq. 1, 2).

Differences
-----------
The sum over channels is kept with its sign instead of being rectified: what lowered the score counts as much here as
what raised it. Maps of several networks are averaged as their standardised scores are.
"""

import warnings
from collections.abc import Callable
from typing import Any, cast

import numpy as np
import onnx
import onnxruntime as ort
import torch
from onnx import TensorProto
from torch import Tensor, nn
from torch._decomp import core_aten_decompositions
from torch.fx.experimental.proxy_tensor import make_fx

from pkai import artifact
from pkai.features import FeatureConfig
from pkai.segments import SegmentConfig
from training.model import half_precision
from training.model.export import OPSET, TOLERANCE, MeanOfNetworks, example_of, without_origins
from training.model.layout import for_runtime
from training.networks.ranker import Ranker

# Tensors smaller than this are kept in the graph itself.
_SHARED_FROM_BYTES = 1024


def saliency(network: nn.Module) -> Callable[[Tensor], Tensor]:
    """A function from snippets (B, T, M) to how much each place of the last maps raised the score, (B, T', M')."""

    def explained(snippets: Tensor) -> Tensor:
        maps: list[Tensor] = []
        trunk = cast(nn.Module, network.trunk)
        hook = trunk.register_forward_hook(lambda _module, _inputs, found: maps.append(found))
        try:
            score = network(snippets)[0]
        finally:
            hook.remove()
        (gradient,) = torch.autograd.grad(score.sum(), maps[0])
        return (gradient.mean(dim=(2, 3), keepdim=True) * maps[0]).sum(dim=1)

    return explained


def mean_saliency(mean: MeanOfNetworks) -> Callable[[Tensor], Tensor]:
    """The same of several networks heard as one."""
    parts = [saliency(cast(Ranker, network)) for network in mean.networks]

    def explained(snippets: Tensor) -> Tensor:
        maps = [part(snippets) / spread for part, spread in zip(parts, mean.spreads, strict=True)]
        return torch.stack(maps).mean(dim=0)

    return explained


def to_onnx(mean: MeanOfNetworks, graph: bytes, features: FeatureConfig, cut: SegmentConfig) -> bytes:
    """Graph from `snippets` (K, S, M) to `saliency` (K, T', M'); K is free.

    Parameters
    ----------
    mean : networks in evaluation mode
    graph : their own, as `training.model.export.to_onnx` makes it; weights that lie in it are not kept a second time
    features, cut : what they were trained with

    Raises
    ------
    ValueError
        If the graph does not answer as torch does, within TOLERANCE of the greatest saliency.
    """
    example = example_of(features, cut)
    explained = mean_saliency(cast(MeanOfNetworks, for_runtime(mean)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's own, of tracing what it calls internal
        traced = make_fx(
            explained,
            decomposition_table={**core_aten_decompositions(), _CONVOLUTION_BACKWARD: _convolution_backward},
            tracing_mode="symbolic",
            _allow_non_fake_inputs=True,  # the weights
        )(example)
    program = torch.onnx.export(
        traced,
        (example,),
        input_names=[artifact.INPUT_NAME],
        output_names=[artifact.EXPLANATION_OUTPUT],
        dynamic_shapes=({0: torch.export.Dim("K", min=1, max=4096)},),
        opset_version=OPSET,
        dynamo=True,
        verbose=False,
    )
    if program is None:
        raise ValueError("torch made no ONNX program of the gradient")
    model = without_origins(program.model_proto)
    half_precision.store_halved(model)
    _refuse_different(explained, model, example)
    return cast(bytes, _sharing(model, graph).SerializeToString())


_CONVOLUTION_BACKWARD = torch.ops.aten.convolution_backward.default


def _convolution_backward(
    gradient: Tensor,
    heard: Tensor,
    weight: Tensor,
    _bias_sizes: Any,
    stride: list[int],
    padding: list[int],
    dilation: list[int],
    _transposed: bool,
    _output_padding: list[int],
    groups: int,
    _mask: list[bool],
) -> tuple[Tensor, None, None]:
    """The gradient with respect to what a convolution heard: a transposed convolution; no other is asked for."""
    lacking = [
        heard.shape[2 + i]
        - ((gradient.shape[2 + i] - 1) * stride[i] - 2 * padding[i] + dilation[i] * (weight.shape[2 + i] - 1) + 1)
        for i in range(len(stride))
    ]
    back = torch.ops.aten.convolution.default
    return back(gradient, weight, None, stride, padding, dilation, True, lacking, groups), None, None


def _sharing(model: onnx.ModelProto, graph: bytes) -> onnx.ModelProto:
    """The same model with its larger weights read from where the same bytes lie in `model.onnx` beside it."""
    for tensor in model.graph.initializer:
        offset = graph.find(tensor.raw_data) if len(tensor.raw_data) >= _SHARED_FROM_BYTES else -1
        if offset < 0:
            continue
        where = {"location": artifact.GRAPH_FILE, "offset": str(offset), "length": str(len(tensor.raw_data))}
        tensor.ClearField("raw_data")
        tensor.data_location = TensorProto.EXTERNAL
        for key, value in where.items():
            tensor.external_data.add(key=key, value=value)
    return model


def _refuse_different(explained: Callable[[Tensor], Tensor], model: onnx.ModelProto, example: Tensor) -> None:
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    wanted = explained(example).detach().numpy()
    found = session.run([artifact.EXPLANATION_OUTPUT], {artifact.INPUT_NAME: example.numpy()})[0]
    difference = float(np.abs(wanted - found).max() / max(np.abs(wanted).max(), 1e-12))
    if difference > TOLERANCE:
        raise ValueError(f"ONNX differs from torch in Grad-CAM by {difference:.2g}; at most {TOLERANCE:g} is allowed")
