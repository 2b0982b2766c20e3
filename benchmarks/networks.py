"""Which compact network learns most in the same time: three designs on CamVid's train split.

    python benchmarks/networks.py ../shared/data/camvid --minutes 10

Each is timed first (training steps a second at the final crop, on one thread), and its epochs are
chosen so that all take equally long on an idle machine; so other load does not decide. Weights are
scored on ``val``. The two that lost against the network of `pixelwise.networks` live only here.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path
from unittest.mock import patch

import torch
from lightning_fabric import Fabric
from torch import nn
from torch.nn import functional as F

from pixelwise.classes import ClassMap
from pixelwise.datasets import ReadOptions
from pixelwise.networks import Network, Output, build_network, count_parameters
from pixelwise.networks.blocks import ResidualBlock, conv_norm, enlarge
from pixelwise.networks.residual import ResidualEncoder
from pixelwise.training import Recipe, Settings, Source, loop, train
from pixelwise.training.cost import measure_cost

CLASSES = (
    *("sky", "building", "pole", "road", "pavement", "tree"),
    *("sign", "fence", "car", "pedestrian", "bicyclist"),
)
SETTINGS = {
    **{"crop": 256, "first_crop": 128, "side": 480, "batch": 12, "scale": (1.3, 2.7)},
    **{"rotate": 5.0, "stretch": 0.15, "colour": 0.4, "weight_decay": 0.05, "ema": 0.99},
    **{"validate_every": 5, "balance": 0.0},
}


class Headed(Network):
    """A body whose features lie at 1 / 8 of the photo, as `Segmenter` has them at 1 / 4."""

    mean: torch.Tensor
    stride = 2

    def __init__(self, body: nn.Module, width: int, n_classes: int, design: str) -> None:
        super().__init__()
        self.body, self.design, self.head = body, design, nn.Conv2d(width, n_classes, 1)
        self.register_buffer(
            "mean", torch.tensor(ResidualEncoder.mean).view(1, 3, 1, 1), persistent=False
        )
        self.register_buffer("shift", torch.zeros(n_classes), persistent=False)

    def forward(self, image: torch.Tensor, shrink: int | None = None) -> Output:
        shrink = shrink or self.logits_stride
        logits = self.head(self.body((image - self.mean) / ResidualEncoder.deviation[0]))
        logits = logits + self.shift[:, None, None]
        height, width = image.shape[2], image.shape[3]
        size = (height + shrink - 1) // shrink, (width + shrink - 1) // shrink
        return Output(enlarge(logits, 8 // shrink, size))


class TwoBranches(nn.Module):
    """One branch stays at 1 / 8, one goes on to 1 / 32, after DDRNet (Hong et al., 2021)."""

    def __init__(self, c: int = 32) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            conv_norm(3, c, stride=2), conv_norm(c, c, stride=2), ResidualBlock(c, c)
        )
        self.eighth = nn.Sequential(ResidualBlock(c, 2 * c, 2), ResidualBlock(2 * c, 2 * c))
        self.low = nn.Sequential(ResidualBlock(2 * c, 4 * c, 2), ResidualBlock(4 * c, 4 * c))
        self.lower = ResidualBlock(4 * c, 5 * c, 2)
        self.high = nn.Sequential(ResidualBlock(2 * c, 2 * c), ResidualBlock(2 * c, 2 * c))
        self.higher = ResidualBlock(2 * c, 2 * c)
        self.up = conv_norm(4 * c, 2 * c, 1, active=False)
        self.down = conv_norm(2 * c, 4 * c, 3, 2, active=False)
        self.pooled = nn.ModuleList(conv_norm(5 * c, c, 1) for _ in range(4))
        self.merge = conv_norm(9 * c, 2 * c, 1, active=False)
        self.last = conv_norm(2 * c, 2 * c)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.eighth(self.stem(x))
        size = x.shape[2], x.shape[3]
        low, high = self.low(x), self.high(x)
        low, high = (
            F.relu(low + self.down(high)),
            F.relu(high + enlarge(self.up(low), 2, size)),
        )
        low = self.lower(low)
        levels = [low]
        for kernel, conv in zip((5, 9, 17, None), self.pooled, strict=True):
            level = (
                F.avg_pool2d(low, kernel, kernel // 2, kernel // 2, count_include_pad=False)
                if kernel
                else low.mean((2, 3), keepdim=True)
            )
            levels.append(F.interpolate(conv(level), low.shape[2:], mode="bilinear"))
        low = self.merge(torch.cat(levels, 1))
        found: torch.Tensor = self.last(F.relu(self.higher(high) + enlarge(low, 4, size)))
        return found


class DilatedBlock(nn.Module):
    """A near and a far look with one-dimensional depthwise kernels (DABNet; Li et al., 2019)."""

    def __init__(self, c: int, dilation: int) -> None:
        super().__init__()
        half = c // 2

        def look(d: int) -> nn.Sequential:
            tall = nn.Conv2d(half, half, (3, 1), 1, (d, 0), (d, 1), half, bias=False)
            wide = nn.Conv2d(half, half, (1, 3), 1, (0, d), (1, d), half, bias=False)
            return nn.Sequential(tall, _active(half), wide, _active(half))

        squeeze = nn.Conv2d(c, half, 3, padding=1, bias=False)
        self.first = nn.Sequential(_active(c), squeeze, _active(half))
        self.near, self.far = look(1), look(dilation)
        self.last = nn.Sequential(_active(half), nn.Conv2d(half, c, 1, bias=False))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.first(x)
        found: torch.Tensor = x + self.last(self.near(y) + self.far(y))
        return found


class Dilated(nn.Module):
    """DABNet's body: three blocks at 1 / 4, six at 1 / 8, the photo fed in again at each scale."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(conv_norm(3, 32, stride=2), conv_norm(32, 32), conv_norm(32, 32))
        self.quarter = nn.Conv2d(35, 61, 3, 2, 1, bias=False)
        self.shallow = nn.Sequential(*(DilatedBlock(64, 2) for _ in range(3)))
        self.eighth = nn.Sequential(_active(131), nn.Conv2d(131, 128, 3, 2, 1, bias=False))
        self.deep = nn.Sequential(*(DilatedBlock(128, d) for d in (4, 4, 8, 8, 16, 16)))
        self.last = _active(259)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        half = F.avg_pool2d(x, 3, 2, 1)
        quarter = F.avg_pool2d(half, 3, 2, 1)
        eighth = F.avg_pool2d(quarter, 3, 2, 1)
        start = torch.cat([self.quarter(torch.cat([self.stem(x), half], 1)), quarter], 1)
        middle = self.eighth(torch.cat([self.shallow(start), start, quarter], 1))
        found: torch.Tensor = self.last(torch.cat([self.deep(middle), middle, eighth], 1))
        return found


def _active(channels: int) -> nn.Sequential:
    return nn.Sequential(nn.BatchNorm2d(channels), nn.PReLU(channels))


CANDIDATES: dict[str, tuple[Callable[[int], Network], float]] = {
    "FPN on a slim ResNet": (build_network, 3e-3),
    "two branches": (lambda n: Headed(TwoBranches(), 64, n, "two branches"), 3e-3),
    # At 3e-3 its gradients overflow bfloat16 in the first epoch.
    "DABNet": (lambda n: Headed(Dilated(), 259, n, "DABNet"), 1e-3),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("camvid", type=Path)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--set", nargs="*", default=[], metavar="NAME=VALUE")
    told = parser.parse_args()
    more = {name: float(value) for name, _, value in (s.partition("=") for s in told.set)}
    torch.set_num_threads(1)
    fabric = Fabric(accelerator="cpu", devices=1, precision="bf16-mixed")
    sources = {
        told.camvid.resolve().name: Source(options=ReadOptions(void=11, classes=ClassMap(CLASSES)))
    }
    print(f"| {'network':<22} | parameters | photos/s | epochs | mIoU, camvid val |")
    for name, (build, rate) in CANDIDATES.items():
        cost = measure_cost(build(len(CLASSES)), len(CLASSES), 256, fabric)
        frame = Settings.of({**SETTINGS, "epochs": 100})
        area = sum((frame.crop_in(e) / 256) ** 2 for e in range(100)) / 100
        epochs = max(1, round(60 * told.minutes / (cost.seconds * area * 367)))
        settings = {**SETTINGS, "learning_rate": rate, "epochs": epochs, **more}

        def chosen(n: int, *_: object, build: Callable[[int], Network] = build) -> Network:
            return build(n)

        replaced = patch.object(loop, "build_network", chosen)
        with tempfile.TemporaryDirectory() as out, replaced:
            said: list[str] = []
            recipe = Recipe(sources=sources, settings=settings)
            train([told.camvid], Path(out) / "run", recipe, said.append, device="cpu")
        size = count_parameters(build(len(CLASSES)))
        score = said[-1].split("mIoU ")[1].split(",")[0]
        row = f"{size / 1e6:>8.2f} M | {1 / cost.seconds:>8.1f} | {epochs:>6} | {score:>16}"
        print(f"| {name:<22} | {row} |", flush=True)


if __name__ == "__main__":
    main()
