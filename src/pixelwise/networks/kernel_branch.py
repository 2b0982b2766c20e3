"""Whether an instance is at a place, and the small network that draws its mask."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

from pixelwise.inference.kernels import CELLS
from pixelwise.networks.blocks import ResidualBlock, conv_norm, enlarge, smoothing
from pixelwise.networks.decoder import PyramidDecoder

FEATURES, HIDDEN = 8, 8
"""Planes of mask features, and of the hidden layer of a mask's network."""

PARAMETERS = HIDDEN * (FEATURES + 2) + HIDDEN + HIDDEN + 1
"""Of the network that draws one mask: two layers with biases, on the features and two ways."""


class KernelBranch(nn.Module):
    """Instances of any size, each with a network of its own that draws its mask; no boxes.

    Tian et al., "Conditional convolutions for instance segmentation" (2020): at each cell of some
    levels the branch predicts whether an instance has its centre there, and the parameters of two
    1 x 1 convolutions; these turn features that all instances share, and the way from the cell to
    each pixel, into the instance's mask. An instance as large as the image comes from a coarse
    level, whose cells see all of it. The levels stand in for the sizes that Wang et al., "SOLOv2"
    (2020), section 3, give to grids, which is what makes boxes needless.

    Parameters
    ----------
    inside : tuple of int
        Channels of the encoder's features, finest first, at four strides.
    width, fine_width : int
        Channels of the levels, and of the decoder that makes the mask features.
    separable : bool
        As for `pixelwise.networks.blocks.smoothing`.
    """

    def __init__(
        self, inside: tuple[int, ...], width: int, fine_width: int, separable: bool = False
    ) -> None:
        super().__init__()
        *finer, coarsest = inside
        wide = 2 * width
        # On the coarsest features an instance as large as the image is within reach.
        self.outline = nn.Sequential(
            conv_norm(coarsest, wide, kernel=1),
            ResidualBlock(wide, wide),
            ResidualBlock(wide, wide),
        )
        self.decoder = PyramidDecoder((*finer, wide), width, fine_width, separable)
        self.features = nn.Conv2d(fine_width, FEATURES, 1)
        self.laterals = nn.ModuleList(
            conv_norm(c, width, kernel=1, active=False) for c in (*finer[1:], wide)
        )
        self.smooth = nn.ModuleList(smoothing(width, width, separable) for _ in self.laterals)
        # The cells of all levels are read by the same layers, as an instance is alike at any size.
        self.tower = smoothing(width, width, separable)
        self.head = nn.Conv2d(width, 1 + PARAMETERS, 1)
        nn.init.normal_(self.head.weight, std=0.01)
        # Few cells are centres; to start at a half would cost the first epochs.
        nn.init.constant_(self.head.bias[:1], -4.0)  # type: ignore[index]

    def forward(self, features: list[torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
        """Features, finest first, to mask features and the cells of all levels.

        Returns
        -------
        mask_features : (N, 8, h, w) float
            Of the finest features' size.
        cells : (N, 98, L) float
            Of each cell of the levels, finest first and each row by row: the logit that an
            instance has its centre there, and the parameters of its mask's network. The levels
            are those of the features but the finest.
        """
        *finer, coarsest = features
        top = self.outline(coarsest)
        shared = self.features(self.decoder([*finer, top]))
        cells = []
        x: torch.Tensor | None = None
        for number in range(len(self.laterals) - 1, -1, -1):
            own = top if number == len(self.laterals) - 1 else features[1 + number]
            lateral = self.laterals[number](own)
            if x is not None:
                lateral = lateral + enlarge(x, 2, (own.shape[2], own.shape[3]))
            x = self.smooth[number](F.relu(lateral))
            cells.append(self.head(self.tower(x)).flatten(2))
        return shared, torch.cat(cells[::-1], dim=2)


def draw_masks(
    features: torch.Tensor, parameters: torch.Tensor, places: torch.Tensor, sides: torch.Tensor
) -> torch.Tensor:
    """Run the networks of some masks; `pixelwise.inference.kernels` does the same without torch.

    Parameters
    ----------
    features : (K, 8, h, w) float
        Mask features of the image that each belongs to.
    parameters : (K, 97) float
        Of each one's network: the hidden layer's weights for the features, those for the ways down
        and right, its biases; the last layer's weights and its bias.
    places : (K, 2) float
    sides : (K,) float
        Of each one's cell; see `pixelwise.inference.kernels.cells_of`.

    Returns
    -------
    (K, h, w) float
        The logit that a pixel is of the instance.
    """
    count, _, height, width = features.shape
    ways = torch.stack(torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")).to(
        features
    )
    ways = (ways[None] - places[:, :, None, None]) / (CELLS * sides[:, None, None, None])
    counts = [HIDDEN * FEATURES, HIDDEN * 2, HIDDEN, HIDDEN, 1]
    own, way, bias, last, offset = torch.split(parameters, counts, dim=1)
    weight = torch.cat([own.view(count, HIDDEN, -1), way.view(count, HIDDEN, -1)], dim=2)
    inputs = torch.cat([features, ways], dim=1).flatten(2)
    hidden = F.relu(torch.baddbmm(bias[:, :, None], weight, inputs))
    drawn = torch.baddbmm(offset[:, :, None], last[:, None], hidden)
    return drawn.view(count, height, width)
