"""Superpixels: many small compact regions that follow the picture's edges."""

from __future__ import annotations

import higra
import numpy as np
import numpy.typing as npt

from pixelwise.images import to_rgb
from pixelwise.regions.colour import half_size_edges, lab_of
from pixelwise.regions.hierarchy import Hierarchy, check_count, shrunk_to
from pixelwise.regions.partition import Int32Array, arcs_between, basins, fitted, means

GRID = 190
"""Pixels of the small picture that a superpixel may have there."""

LEAST = 38_000
"""Pixels that the small picture has at least, where the photo has them."""

COMPACT = 5.0
"""Units of CIELAB that a distance of a superpixel's width counts as."""


def superpixels(image: npt.NDArray[np.generic], n: int = 200) -> Int32Array:
    """Cut a picture into about n compact regions of even colour.

    The basins of its edges are merged so that the variance of colour and place within regions
    grows least each time (Ward, 1963), on a small picture; then the borders are fitted to the
    photo's own pixels.

    Parameters
    ----------
    image : (H, W, 3) uint8
        RGB; or what else `pixelwise.images.to_rgb` takes.
    n : int
        How many.

    Returns
    -------
    (H, W) int32
        Regions 0..K-1, each connected; every pixel is in one. K is n, or a few less.

    Raises
    ------
    ArgumentError
        No picture, or ``n`` is below 1 or above the number of pixels.
    """
    photo = to_rgb(image)
    height, width = photo.shape[:2]
    check_count(n, height * width)
    wanted = max(LEAST, GRID * n)
    small = shrunk_to(photo, max(height, width) * min(1.0, np.sqrt(wanted / (height * width))))
    lab = lab_of(small)
    strength = half_size_edges(lab, (1.0,))
    region_map = basins(strength)
    if region_map.max() + 1 < 2 * n:
        # More are wanted than the picture has parts: any pixel may become one.
        region_map = np.arange(region_map.size, dtype=np.int32).reshape(region_map.shape)
    count = int(region_map.max()) + 1
    rows, columns = np.indices(region_map.shape, dtype=np.float32)
    per_pixel = np.float32(COMPACT / np.sqrt(region_map.size / n))
    planes = np.dstack([lab, rows * per_pixel, columns * per_pixel])
    centres, areas = means(region_map, planes)
    if count > n:
        arcs = arcs_between(region_map, strength)
        graph = higra.UndirectedGraph(count)
        graph.add_edges(arcs.first, arcs.second)
        tree, heights = higra.binary_partition_tree_ward_linkage(graph, centres, areas)
        parents = np.asarray(tree.parents(), np.int64)
        region_map = Hierarchy(region_map, parents, heights.astype(np.float32)).cut(n)
    return fitted(region_map, photo)
