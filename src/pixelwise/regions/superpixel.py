"""Superpixels: many small compact regions that follow the boundaries in an image."""

from __future__ import annotations

import higra
import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from pixelwise.io.image import to_rgb
from pixelwise.regions.boundaries import neighbours
from pixelwise.regions.colour import half_window_differences, lab_of
from pixelwise.regions.hierarchical import Hierarchy, check_count, shrunk_within
from pixelwise.regions.partition import basins, fitted, label_parts, means
from pixelwise.samples import Float32Array, Int32Array

GRID = 130
"""Pixels of a superpixel in the small image on which they are computed."""

LEAST = 26_000
"""Least pixels of that small image, if the image has as many."""

SMALLEST = 1 / 10
"""Share of a superpixel's mean area below which a basin joins its most similar neighbour."""

COMPACT = 5.0
"""Units of CIELAB that a distance of a superpixel's width counts as."""


def superpixels(image: npt.NDArray[np.generic], n: int = 200) -> Int32Array:
    """Cut an image into about n compact regions of even colour.

    The basins of its boundary strength are merged so that the variance of colour and place within
    regions grows least each time (Ward, 1963), on a small image; then the boundaries are fitted to
    the pixels of the image itself.

    Parameters
    ----------
    image : (H, W, 3) uint8
        RGB; or any array that `pixelwise.io.image.to_rgb` takes.
    n : int
        How many.

    Returns
    -------
    (H, W) int32
        Regions 0..K-1, each connected; every pixel is in one. K is n, or a few less.

    Raises
    ------
    ArgumentError
        Not an image, or ``n`` is below 1 or above the number of pixels.

    Examples
    --------
    >>> image = np.zeros((60, 80, 3), dtype=np.uint8)
    >>> image[:, 40:] = 255
    >>> region_map = superpixels(image, 12)
    >>> region_map.shape, int(region_map.max()) + 1
    ((60, 80), 12)
    """
    whole = to_rgb(image)
    height, width = whole.shape[:2]
    check_count(n, height * width)
    wanted = max(LEAST, GRID * n)
    small = shrunk_within(whole, max(height, width) * min(1.0, np.sqrt(wanted / (height * width))))
    lab = lab_of(small)
    strength = half_window_differences(lab, (1.0,))
    rows, columns = np.indices(strength.shape)
    per_pixel = np.float32(COMPACT / np.sqrt(strength.size / n))
    planes = np.dstack(
        [lab, *((place * per_pixel).astype(np.float32) for place in (rows, columns))]
    )
    region_map = _without_specks(basins(strength), planes, SMALLEST * strength.size / n)
    if region_map.max() + 1 < 2 * n:
        # More are wanted than the image has parts: these are cut along a grid, at most to pixels.
        side = max(1, int(np.sqrt(strength.size / (8 * n))))
        cells = (rows // side) * strength.shape[1] + columns // side
        pieces = region_map.astype(np.int64) * strength.size + cells
        region_map = label_parts(pieces)
    count = int(region_map.max()) + 1
    if count > n:
        centres, areas = means(region_map, planes)
        graph = higra.UndirectedGraph(count)
        graph.add_edges(*neighbours(region_map))
        tree, heights = higra.binary_partition_tree_ward_linkage(graph, centres, areas)
        parents = np.asarray(tree.parents(), np.int64)
        region_map = Hierarchy(region_map, parents, heights.astype(np.float32)).cut(n)
    return fitted(region_map, whole)


def _without_specks(region_map: Int32Array, planes: Float32Array, least: float) -> Int32Array:
    """Join each region smaller than ``least`` pixels with its most similar neighbour.

    Basins of a few pixels lie on boundaries and have the mixed colour of both sides: similar to
    neither, they would remain as superpixels.
    """
    first, second = neighbours(region_map)
    centres, areas = means(region_map, planes)
    if not len(first):
        return region_map
    apart = np.linalg.norm(centres[first] - centres[second], axis=1)
    one, other = np.concatenate([first, second]), np.concatenate([second, first])
    order = np.lexsort((np.tile(apart, 2), one))
    nearest = order[np.append(True, np.diff(one[order]) > 0)]
    joined = nearest[areas[one[nearest]] < least]
    links = csr_array(
        (np.ones(len(joined), dtype=np.int8), (one[joined], other[joined])), shape=(len(areas),) * 2
    )
    _, ids = connected_components(links, directed=False)
    return np.asarray(ids, dtype=np.int32)[region_map]
