"""Weights to start from: a checkpoint, or an exported file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import onnx
import torch
from onnx import TensorProto, numpy_helper
from torch import nn

from pixelwise.errors import WeightsError
from pixelwise.inference import Predictor
from pixelwise.networks import Network
from pixelwise.networks.designs import NO_ENCODER, PRETRAINED
from pixelwise.training.checkpoint import load_checkpoint
from pixelwise.training.export.half import SUFFIX
from pixelwise.weights import read_weights

Tensors = dict[str, torch.Tensor]

NOISE = 1e-2
"""Difference of logits that rounding explains, in a deep network and over folded norms."""

LEAST = 0.1
"""Share of a network's weights below which a file is taken for the wrong one."""


def start_from(network: Network, weights: str, images: torch.Tensor, freeze: bool = False) -> str:
    """Put the weights of an earlier run into a network, wherever name and shape agree.

    Parameters
    ----------
    network : Network
        Changed in place. A head for other classes keeps its random weights.
    weights : str
        A ``checkpoint.pt``, a ``model.onnx``, or the name of weights that come with the package.
    images : (N, 3, H, W) float32
        Some crops of the data, RGB, 0..255. An exported file holds no batch norms (they are
        folded into the convolutions); theirs are set so that on these crops the network in
        training gives what the file gives.
    freeze : bool
        Only the instance branch is to be trained: the classes must be those of the file.

    Returns
    -------
    str
        What was taken over, in words.

    Raises
    ------
    WeightsError
        No such file, less than a tenth of the network is in it, or its classes are to be frozen
        and are others.
    """
    if Path(weights).suffix in (".pt", ".pth"):
        found = _fitting(network, load_checkpoint(Path(weights))["average"])
        network.load_state_dict(found, strict=False)
    else:
        tensors, biases = _read_onnx(weights)
        found = _fitting(network, tensors)
        network.load_state_dict(found, strict=False)
        found |= _unfold_norms(network, biases, images)
    learnt = dict(network.named_parameters())
    taken = [name for name in learnt if name in found]
    share = sum(learnt[n].numel() for n in taken) / sum(p.numel() for p in learnt.values())
    if share < LEAST:
        raise WeightsError(
            f"{weights}: fits {share:.0%} of this network; is it of another --size or design?"
        )
    if freeze:
        keep_classes(network, weights, images)
        network.freeze_classes()
    fresh = sorted({name.rpartition(".")[0] for name in learnt if name not in found})
    rest = f"; random: {', '.join(fresh)}" if fresh else ""
    return f"starting from {weights}: {share:.1%} of the weights{rest}"


def encoder_of(weights: str) -> str:
    """Return the setting ``encoder`` of the network that weights are of.

    Parameters
    ----------
    weights : str
        As for `start_from`.

    Raises
    ------
    WeightsError
        No such file, or none that can be read.
    """
    if Path(weights).suffix in (".pt", ".pth"):
        names = [_today(name) for name in load_checkpoint(Path(weights))["average"]]
    else:
        names = [_today(name) for name in _read_onnx(weights)[0]]
    pretrained = any(name.startswith("encoder.blocks.") for name in names)
    return PRETRAINED if pretrained else NO_ENCODER


def keep_classes(network: Network, weights: str, images: torch.Tensor) -> None:
    """Check that a network's logits are those of a file but for a constant; put it in its shift.

    The class weights that the file's own training took back are a constant of the file, not a
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
    given = torch.from_numpy(Predictor.load(weights).session.run(images.numpy())[0])
    apart = given - logits if given.shape == logits.shape else torch.full((1, 1, 1, 1), torch.inf)
    shift = apart.mean(dim=(0, 2, 3))
    if not (apart - shift[:, None, None]).abs().max() < NOISE:
        raise WeightsError(
            f"{weights}: not the classes of this network; freeze_classes needs the same"
        )
    network.shift += shift


def _today(name: str) -> str:
    """Return what a parameter is called today."""
    return re.sub(r"^objects\.", "instance_branch.", name)


def _fitting(network: Network, tensors: Mapping[str, torch.Tensor]) -> Tensors:
    """Return the tensors that the network has, too, under the same name and of the same shape."""
    own = network.state_dict()
    today = {_today(name): tensor for name, tensor in tensors.items()}
    return {n: t for n, t in today.items() if n in own and own[n].shape == t.shape}


def _read_onnx(weights: str) -> tuple[Tensors, Tensors]:
    """Read the constants of an exported file, and the biases of its convolutions.

    Returns
    -------
    constants : dict of str to tensor
        By their names in the file, which are those of the network's parameters.
    biases : dict of str to tensor
        By today's names of the convolutions' kernels. If the network's convolution has no bias,
        it is that of the norm that followed and was folded into it.
    """
    data = read_weights(weights)
    try:
        graph = onnx.load_model_from_string(data).graph
    # protobuf's errors share no public base class with onnx's.
    except Exception as error:
        raise WeightsError(f"{weights}: not a readable ONNX file ({error})") from None
    constants = {
        i.name.removesuffix(SUFFIX): torch.from_numpy(numpy_helper.to_array(i).copy()).float()
        for i in graph.initializer
        if i.data_type in (TensorProto.FLOAT, TensorProto.FLOAT16)
    }
    biases = {
        _today(node.input[1]): constants[node.input[2]]
        for node in graph.node
        if node.op_type == "Conv" and len(node.input) > 2 and node.input[2] in constants
    }
    return constants, biases


def _unfold_norms(
    network: Network, biases: Mapping[str, torch.Tensor], images: torch.Tensor
) -> Tensors:
    """Give each norm whose convolution has a bias in the file the scale and shift that undo it.

    Which norm follows which convolution is seen on the way of the images through the network.

    Parameters
    ----------
    network : Network
        Its norms are changed in place.
    biases : mapping of str to tensor
        By the names of kernels.
    images : (N, 3, H, W) float32

    Returns
    -------
    dict of str to tensor
        The parameters that were set, by name.
    """
    found: Tensors = {}
    # By the identity of a convolution's output, which is kept so that no other tensor has it.
    outputs: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}
    names = {module: name for name, module in network.named_modules()}

    def after_convolution(module: nn.Module, _: object, output: torch.Tensor) -> None:
        outputs[id(output)] = output, biases[f"{names[module]}.weight"]

    def before_norm(norm: nn.BatchNorm2d, inputs: tuple[torch.Tensor, ...]) -> None:
        _, bias = outputs.pop(id(inputs[0]), (None, None))
        if bias is None or bias.shape != norm.bias.shape:
            return
        mean = inputs[0].mean(dim=(0, 2, 3))
        variance = inputs[0].var(dim=(0, 2, 3), unbiased=False)
        norm.weight.data.copy_((variance + norm.eps).sqrt())
        norm.bias.data.copy_(mean + bias)
        if norm.running_mean is not None and norm.running_var is not None:
            norm.running_mean.copy_(mean)
            norm.running_var.copy_(variance)
        found[f"{names[norm]}.weight"], found[f"{names[norm]}.bias"] = norm.weight, norm.bias

    hooks = []
    for name, module in network.named_modules():
        if isinstance(module, nn.BatchNorm2d):
            hooks.append(module.register_forward_pre_hook(before_norm))
        elif isinstance(module, nn.Conv2d) and module.bias is None and f"{name}.weight" in biases:
            hooks.append(module.register_forward_hook(after_convolution))
    training = network.training
    # Eval mode: the norms use the statistics that the hooks have just set.
    with torch.no_grad():
        network.eval()(images)
    network.train(training)
    for hook in hooks:
        hook.remove()
    return found
