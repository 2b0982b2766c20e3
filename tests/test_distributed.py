"""Several processes share a run, started by torchrun as a person would."""

from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from lightning_fabric import Fabric
from torch import nn

from pixelwise import open_dataset
from pixelwise.errors import ArgumentError
from pixelwise.networks import build_network
from pixelwise.training import Settings
from pixelwise.training.batches import Batches
from pixelwise.training.distributed import SharedBatchNorm, make_fabric, share_batch_norms
from pixelwise.training.draws import plan_draws
from pixelwise.training.segmentation import LabelledSamples
from tests.conftest import call

SETTINGS = (
    *("--epochs", "2", "--crop", "64", "--side", "80", "--batch", "4", "--balance", "0.3"),
    *("--device", "cpu", "--set", "precision=float32", "--encoder", "none"),
)


@pytest.mark.usefixtures("quick_export")
def test_two_processes_get_the_losses_of_one(shapes: Path, tmp_path: Path) -> None:
    alone = call("train", shapes, "--out", tmp_path / "one", *SETTINGS)
    assert alone.returncode == 0, alone.stderr
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command += ["--nproc-per-node", "2", "-m", "pixelwise", "train", str(shapes)]
    command += ["--out", str(tmp_path / "two"), *SETTINGS]
    both = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert both.returncode == 0, both.stderr
    assert "2 processes" in both.stdout
    assert both.stdout.count("the plan, about") == 1  # one of them speaks
    one, two = (_log(tmp_path / name) for name in ("one", "two"))
    for ours, theirs in zip(one, two, strict=True):
        assert float(ours["loss"]) == pytest.approx(float(theirs["loss"]), abs=2e-3)
        # Scores are counts over the whole val split, whoever counted.
        assert float(ours["miou"]) == pytest.approx(float(theirs["miou"]), abs=0.02)
    assert (tmp_path / "two" / "model.onnx").exists()


def samples_of(shapes: Path, settings: Settings) -> LabelledSamples:
    datasets = [open_dataset(shapes, say=str)]
    draws = plan_draws(datasets, [1])
    return LabelledSamples(datasets, draws, None, settings, (2, 2))


def test_a_batch_that_cannot_be_dealt_out_is_refused(shapes: Path) -> None:
    two = SimpleNamespace(device=torch.device("cpu"), global_rank=0, world_size=2)
    settings = Settings(batch=3, crop=64)
    with pytest.raises(ArgumentError, match="cannot be dealt out to 2 processes"):
        Batches(samples_of(shapes, settings), settings, two)  # type: ignore[arg-type]


def test_the_processes_parts_make_the_whole_batch(shapes: Path) -> None:
    def batch(rank: int, processes: int) -> torch.Tensor:
        place = SimpleNamespace(device=torch.device("cpu"), global_rank=rank, world_size=processes)
        settings = Settings(batch=4, crop=64, first_crop=64)
        batches = Batches(samples_of(shapes, settings), settings, place)  # type: ignore[arg-type]
        return next(batches.epoch(0))[0]

    whole, parts = batch(0, 1), [batch(0, 2), batch(1, 2)]
    assert torch.equal(whole[0::2], parts[0])
    assert torch.equal(whole[1::2], parts[1])


def test_one_process_keeps_torchs_own_norms() -> None:
    network = build_network(3)
    share_batch_norms(network, Fabric(accelerator="cpu", devices=1))
    assert not any(isinstance(m, SharedBatchNorm) for m in network.modules())


def test_judged_alike_a_shared_norm_is_torchs() -> None:
    x = torch.randn(2, 4, 5, 5)
    ours, torchs = SharedBatchNorm(4).eval(), nn.BatchNorm2d(4).eval()
    assert torch.equal(ours(x), torchs(x))


@pytest.mark.parametrize("device", ["gpu", "cuda"])
def test_a_device_that_is_not_there_is_named(device: str) -> None:
    if device == "cuda" and torch.cuda.is_available():
        pytest.skip("this machine has CUDA")
    with pytest.raises(ArgumentError, match=f"device '{device}'"):
        make_fabric(device, "auto")


def _log(out: Path) -> list[dict[str, str]]:
    with (out / "log.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))
