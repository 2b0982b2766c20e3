"""Weights to start from: a checkpoint, or an exported file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import onnx
import torch
from onnx import numpy_helper
from torch import nn

from pixelwise.errors import WeightsError
from pixelwise.inference.predictor import read_weights
from pixelwise.training.checkpoint import load_checkpoint

Tensors = dict[str, torch.Tensor]


def start_from(network: nn.Module, weights: str, images: torch.Tensor) -> str:
    """Put the weights of an earlier run into a network, wherever name and shape agree.

    Parameters
    ----------
    network : nn.Module
        Changed in place. A head for other classes stays as it is.
    weights : str
        A ``checkpoint.pt``, a ``model.onnx``, or the name of weights that come with the package.
    images : (N, 3, H, W) float32
        Some crops of the data, RGB, 0..255. An exported file holds no batch norms (they are
        folded into the convolutions); theirs are set so that on these crops the network in
        training gives what the file gives.

    Returns
    -------
    str
        How much was taken over, in words.

    Raises
    ------
    WeightsError
        No such file, or nothing in it fits the network.
    """
    suffix = Path(weights).suffix
    if suffix in (".pt", ".pth"):
        found = _fitting(network, load_checkpoint(Path(weights))["average"])
        network.load_state_dict(found, strict=False)
    else:
        found = _unfolded(network, weights)
        network.load_state_dict(found, strict=False)
        _match_norms(network, found, images)
    learnt = [name for name, _ in network.named_parameters()]
    missing = [name for name in learnt if name not in found]
    if len(missing) == len(learnt):
        raise WeightsError(f"{weights}: nothing in it fits this network")
    fresh = f"; random: {', '.join(missing)}" if missing else ""
    return f"starting from {weights}: {len(learnt) - len(missing)} of {len(learnt)} tensors{fresh}"


def _fitting(network: nn.Module, tensors: Tensors) -> Tensors:
    own = network.state_dict()
    return {n: t for n, t in tensors.items() if n in own and own[n].shape == t.shape}


def _unfolded(network: nn.Module, weights: str) -> Tensors:
    """Read an exported file: kernels by their names, a folded bias as the norm's that was there."""
    data = read_weights(weights)
    try:
        graph = onnx.load_model_from_string(data).graph
    # protobuf's errors share no public base class with onnx's.
    except Exception as error:
        raise WeightsError(f"{weights}: not a readable ONNX file ({error})") from None
    arrays = {i.name: i for i in graph.initializer}
    tensors: Tensors = {}
    for node in graph.node:
        if node.op_type != "Conv" or node.input[1] not in arrays:
            continue
        name = node.input[1]
        tensors[name] = torch.from_numpy(numpy_helper.to_array(arrays[name]).copy())
        if len(node.input) > 2 and node.input[2] in arrays:
            bias = torch.from_numpy(numpy_helper.to_array(arrays[node.input[2]]).copy())
            tensors[name.removesuffix("weight") + "bias"] = bias
            norm = _norm_after(name)
            if norm:
                tensors[f"{norm}.bias"] = bias
    return _fitting(network, tensors)


def _norm_after(kernel: str) -> str:
    """Return the name of the norm that follows a kernel in `conv_norm`; empty elsewhere."""
    place, _, last = kernel.rpartition(".0.")
    return f"{place}.1" if last == "weight" else ""


def _match_norms(network: nn.Module, found: Tensors, images: torch.Tensor) -> None:
    """Give each norm the scale and shift that undo its own normalising."""
    hooks = []

    def matched(shift: torch.Tensor) -> Callable[..., None]:
        def hook(norm: nn.BatchNorm2d, inputs: tuple[torch.Tensor, ...]) -> None:
            mean = inputs[0].mean(dim=(0, 2, 3))
            variance = inputs[0].var(dim=(0, 2, 3), unbiased=False)
            norm.weight.data.copy_((variance + norm.eps).sqrt())
            norm.bias.data.copy_(mean + shift)
            if norm.running_mean is not None and norm.running_var is not None:
                norm.running_mean.copy_(mean)
                norm.running_var.copy_(variance)

        return hook

    for name, module in network.named_modules():
        if isinstance(module, nn.BatchNorm2d) and f"{name}.bias" in found:
            shift = found[f"{name}.bias"]
            hooks.append(module.register_forward_pre_hook(matched(shift)))
    training = network.training
    # Eval mode: the norms use the statistics that the hooks have just set.
    with torch.no_grad():
        network.eval()(images)
    network.train(training)
    for handle in hooks:
        handle.remove()
