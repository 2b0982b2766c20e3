"""Weights to start from: a checkpoint, or an exported file."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import onnx
import torch
from onnx import numpy_helper
from torch import nn

from pixelwise.errors import WeightsError
from pixelwise.inference import Predictor
from pixelwise.networks import Network
from pixelwise.training.checkpoint import load_checkpoint
from pixelwise.weights import read_weights

Tensors = dict[str, torch.Tensor]

NOISE = 1e-2
"""Difference of logits that rounding explains, in a deep network and over folded norms."""

LEAST = 0.1
"""Share of a network's weights below which a file is taken for the wrong one."""


def start_from(network: Network, weights: str, images: torch.Tensor) -> str:
    """Put the weights of an earlier run into a network, wherever name and shape agree.

    Parameters
    ----------
    network : Network
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
        No such file, or less than a tenth of the network is in it.
    """
    suffix = Path(weights).suffix
    if suffix in (".pt", ".pth"):
        found = _fitting(network, load_checkpoint(Path(weights))["average"])
        network.load_state_dict(found, strict=False)
    else:
        found = _unfolded(network, weights)
        network.load_state_dict(found, strict=False)
        found |= _match_norms(network, found, images)
    learnt = dict(network.named_parameters())
    taken = [name for name in learnt if name in found]
    share = sum(learnt[n].numel() for n in taken) / sum(p.numel() for p in learnt.values())
    if share < LEAST:
        raise WeightsError(
            f"{weights}: fits {share:.0%} of this network; is it of another --size or design?"
        )
    fresh = sorted({name.rpartition(".")[0] for name in learnt if name not in found})
    rest = f"; random: {', '.join(fresh)}" if fresh else ""
    return f"starting from {weights}: {share:.1%} of the weights{rest}"


def keep_classes(network: Network, weights: str, images: torch.Tensor) -> None:
    """Make sure that a network says of classes what a file says, and set its shift to that end.

    What the file's own training took back of its class weights is a constant of the file's, not a
    weight that `start_from` finds.

    Parameters
    ----------
    network : Network
        After `start_from`; its ``shift`` is changed in place.
    weights : str
        A ``model.onnx``, or the name of weights that come with the package.
    images : (N, 3, H, W) float32
        Some crops, RGB, 0..255.

    Raises
    ------
    WeightsError
        The file is none of these, or of another network.
    """
    training = network.training
    with torch.no_grad():
        logits = network.eval()(images).logits
    network.train(training)
    given = torch.from_numpy(
        Predictor.load(weights, instances=False).session.run(images.numpy())[0]
    )
    apart = given - logits if given.shape == logits.shape else torch.full((1, 1, 1, 1), torch.inf)
    shift = apart.mean(dim=(0, 2, 3))
    if not (apart - shift[:, None, None]).abs().max() < NOISE:
        raise WeightsError(f"{weights}: not the classes of this network; frozen needs the same")
    network.shift += shift


def _fitting(network: nn.Module, tensors: Tensors) -> Tensors:
    own = network.state_dict()
    tensors = {re.sub(r"^objects\.", "instance_branch.", n): t for n, t in tensors.items()}
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


def _match_norms(network: nn.Module, found: Tensors, images: torch.Tensor) -> Tensors:
    """Give each norm the scale and shift that undo its own normalising; return what was set."""
    hooks = []
    scales: Tensors = {}

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
            shift, scales[f"{name}.weight"] = found[f"{name}.bias"], module.weight
            hooks.append(module.register_forward_pre_hook(matched(shift)))
    training = network.training
    # Eval mode: the norms use the statistics that the hooks have just set.
    with torch.no_grad():
        network.eval()(images)
    network.train(training)
    for handle in hooks:
        handle.remove()
    return scales
