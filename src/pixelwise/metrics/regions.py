"""How well a region map agrees with what people drew, and how good superpixels are."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from pixelwise.errors import LabelError
from pixelwise.samples import BoolArray, Int64Array


def overlaps(region_map: npt.NDArray[np.integer], truth: npt.NDArray[np.integer]) -> Int64Array:
    """Count the pixels that each region shares with each true one.

    Parameters
    ----------
    region_map, truth : (H, W) integer
        Ids from 0.

    Returns
    -------
    (K, T) int64
        The other functions here take this table.

    Raises
    ------
    LabelError
        The maps differ in size, or hold a negative id.

    Examples
    --------
    >>> overlaps(np.array([[0, 0, 1]]), np.array([[0, 1, 1]]))
    array([[1, 1],
           [0, 1]])
    """
    if region_map.shape != truth.shape:
        raise LabelError(f"region maps of {region_map.shape} and {truth.shape} differ in size")
    if region_map.size == 0 or region_map.min() < 0 or truth.min() < 0:
        raise LabelError("region maps hold ids from 0, and at least one pixel")
    rows, columns = int(region_map.max()) + 1, int(truth.max()) + 1
    pairs = region_map.astype(np.int64).ravel() * columns + truth.ravel()
    return np.bincount(pairs, minlength=rows * columns).reshape(rows, columns)


def covering(table: Int64Array) -> float:
    """Return how well the regions cover the true ones, 0..1.

    The mean over pixels of the best IoU that any region has with the true region of the pixel
    (Arbelaez et al., 2011, section 2.3).

    Parameters
    ----------
    table : (K, T) int64
        Of `overlaps`.

    Examples
    --------
    >>> covering(np.array([[4, 0], [2, 2]]))
    0.625
    """
    areas, true_areas = table.sum(axis=1), table.sum(axis=0)
    union = areas[:, None] + true_areas - table
    best = (table / np.maximum(union, 1)).max(axis=0)
    return float((best * true_areas).sum() / true_areas.sum())


def rand_index(table: Int64Array) -> float:
    """Return the share of pairs of pixels on which both maps agree, 0..1 (Rand, 1971).

    They agree where both have the pair in one region, or both in two. Its mean over several
    people's maps is the probabilistic Rand index (Unnikrishnan et al., 2007).

    Parameters
    ----------
    table : (K, T) int64
        Of `overlaps`.

    Examples
    --------
    >>> rand_index(np.array([[2, 0], [0, 2]])), round(rand_index(np.array([[2, 2]])), 3)
    (1.0, 0.333)
    """
    pixels = float(table.sum())
    if pixels < 2:
        return 1.0
    # As floats: squares of large images exceed 64 bits.
    both, mine, theirs = (
        float((counts.astype(np.float64) ** 2).sum())
        for counts in (table, table.sum(axis=1), table.sum(axis=0))
    )
    return 1 - (mine + theirs - 2 * both) / (pixels * (pixels - 1))


def variation_of_information(table: Int64Array) -> float:
    """Return the information that either map lacks about the other, in bits; 0 for equal maps.

    H(S) + H(T) - 2 I(S, T) (Meila, 2005), with logarithms of base 2 as in the Berkeley benchmark.

    Parameters
    ----------
    table : (K, T) int64
        Of `overlaps`.

    Examples
    --------
    >>> variation_of_information(np.array([[2, 2]]))
    1.0
    """

    def entropy(counts: Int64Array) -> float:
        share = counts[counts > 0] / table.sum()
        return float(-(share * np.log2(share)).sum())

    # I = H(S) + H(T) - H(S, T)
    value = 2 * entropy(table) - entropy(table.sum(axis=1)) - entropy(table.sum(axis=0))
    return max(0.0, value)


def achievable_accuracy(table: Int64Array) -> float:
    """Return the share of pixels that are right if each region gets its commonest true id.

    Achievable segmentation accuracy (Liu et al., 2011), 0..1.

    Parameters
    ----------
    table : (K, T) int64
        Of `overlaps`.

    Examples
    --------
    >>> achievable_accuracy(np.array([[3, 1], [0, 4]]))
    0.875
    """
    return float(table.max(axis=1).sum() / table.sum())


def undersegmentation_error(table: Int64Array) -> float:
    """Return how much regions leak over true boundaries, as a share of the pixels; 0 is best.

    The sum of the smaller part of each region on either side of a true region's boundary
    (Neubert and Protzel, 2012).

    Parameters
    ----------
    table : (K, T) int64
        Of `overlaps`.

    Examples
    --------
    >>> undersegmentation_error(np.array([[3, 1], [0, 4]]))
    0.25
    """
    outside = table.sum(axis=1)[:, None] - table
    return float(np.minimum(table, outside).sum() / table.sum())


def boundary_recall(
    region_map: npt.NDArray[np.integer], truth: npt.NDArray[np.integer], tolerance: int = 2
) -> float:
    """Return the share of true boundary pixels near a region's boundary, 0..1; NaN without any.

    Martin et al. (2004), with a square of (2 tolerance + 1) pixels as neighbourhood.

    Parameters
    ----------
    region_map, truth : (H, W) integer
    tolerance : int
        Pixels.

    Examples
    --------
    >>> truth = np.array([[0, 0, 0, 0, 1, 1]])
    >>> boundary_recall(np.array([[0, 0, 1, 1, 1, 1]]), truth)
    1.0
    """
    boundaries = region_boundaries(truth)
    if not boundaries.any():
        return float("nan")
    box = np.ones((2 * tolerance + 1, 2 * tolerance + 1), dtype=np.uint8)
    near = cv2.dilate(region_boundaries(region_map).view(np.uint8), box) > 0
    return float(near[boundaries].mean())


def region_boundaries(region_map: npt.NDArray[np.integer]) -> BoolArray:
    """Mark the pixels whose right, lower or lower right neighbour is in another region.

    Parameters
    ----------
    region_map : (H, W) integer

    Returns
    -------
    (H, W) bool
        Lines one pixel wide, as in the Berkeley benchmark.

    Examples
    --------
    >>> region_boundaries(np.array([[0, 0, 1]])).astype(int).tolist()
    [[0, 1, 0]]
    """
    boundaries = np.zeros(region_map.shape, dtype=np.bool_)
    boundaries[:, :-1] |= region_map[:, :-1] != region_map[:, 1:]
    boundaries[:-1] |= region_map[:-1] != region_map[1:]
    boundaries[:-1, :-1] |= region_map[:-1, :-1] != region_map[1:, 1:]
    return boundaries
