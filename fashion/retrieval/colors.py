"""Colors of a garment: the histogram that searches compare, and the dominant ones that people read.

Both are measured in CIE Lab, where distances are about as large as people see them.
"""

import numpy as np

from mrcnn.typing import Array

__all__ = ["HISTOGRAM_BINS", "HISTOGRAM_SIZE", "dominant_colors", "histogram", "lab_of"]

# Cells of lightness, green to red, and blue to yellow. With finer ones equal garments in another
# light fall into other cells; coarser ones do not tell navy from black.
HISTOGRAM_BINS = (4, 6, 6)
HISTOGRAM_SIZE = 4 * 6 * 6
_LOW, _HIGH = np.array([0, -60, -60], np.float32), np.array([100, 60, 60], np.float32)

# Colors of fabric that are nearer than this look like one color in another light (Delta E of 1976).
_SAME_COLOR = 25.0
_LEAST_SHARE, _MOST_COLORS = 0.1, 4
# Enough pixels for shares of a per cent; a mask of a large photo has a million.
_MOST_PIXELS = 20_000

# sRGB to XYZ (IEC 61966-2-1), relative to white (D65, 2 degrees).
_XYZ = np.array(
    [
        [0.412453, 0.357580, 0.180423],
        [0.212671, 0.715160, 0.072169],
        [0.019334, 0.119193, 0.950227],
    ]
) / np.array([[0.95047], [1.0], [1.08883]])
_BYTES = np.arange(256) / 255
_LINEAR = np.where(_BYTES > 0.04045, ((_BYTES + 0.055) / 1.055) ** 2.4, _BYTES / 12.92)


def lab_of(pixels: Array) -> Array:
    """Converts colors to CIE Lab.

    Args:
        pixels: `(N, 3)` uint8, sRGB.

    Returns:
        `(N, 3)` float32: lightness 0 to 100, then a and b.
    """
    xyz = _LINEAR[pixels] @ _XYZ.T
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    x, y, z = f.T
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=1).astype(np.float32)


def some_pixels(pixels: Array) -> Array:
    """Selects pixels at equal distances, at most as many as colors need.

    Args:
        pixels: `(N, 3)`.

    Returns:
        `(n, 3)`, with n of at most 20,000.
    """
    step = -(-len(pixels) // _MOST_PIXELS)
    return pixels[:: max(step, 1)]


def histogram(pixels: Array) -> Array:
    """Counts the colors of a garment.

    The square roots make the product of two histograms their Bhattacharyya coefficient, 1 for equal
    ones.

    Args:
        pixels: `(N, 3)` uint8, sRGB, inside the mask.

    Returns:
        `(HISTOGRAM_SIZE,)` float32 of length 1, square roots of shares; zeros without pixels.
    """
    counts = np.bincount(_cells(lab_of(pixels)), minlength=HISTOGRAM_SIZE)
    return np.sqrt(counts / max(len(pixels), 1)).astype(np.float32)


def dominant_colors(pixels: Array) -> list[str]:
    """Finds the colors that cover most of a garment.

    The fullest cell of the histogram gives the first color; all cells that are near it join. So do
    the following ones, until less than a tenth is left to each.

    Args:
        pixels: `(N, 3)` uint8, sRGB, inside the mask.

    Returns:
        At most four as "#rrggbb", the largest share first; none without pixels.
    """
    if not len(pixels):
        return []
    lab = lab_of(pixels)
    cells = _cells(lab)
    counts = np.bincount(cells, minlength=HISTOGRAM_SIZE)
    used = np.flatnonzero(counts)
    counts = counts[used]
    lab_sums = _sums(cells, lab)[used]
    rgb_sums = _sums(cells, pixels.astype(np.float64))[used]
    means = lab_sums / counts[:, None]
    free, found = np.ones(len(used), bool), []
    while free.any():
        first = np.argmax(np.where(free, counts, 0))
        joined = free & (np.linalg.norm(means - means[first], axis=1) < _SAME_COLOR)
        total = counts[joined].sum()
        color = np.rint(rgb_sums[joined].sum(axis=0) / total).astype(int)
        found.append((total / len(pixels), "#{:02x}{:02x}{:02x}".format(*color.tolist())))
        free &= ~joined
    found.sort(key=lambda share: -share[0])
    kept = [color for share, color in found if share >= _LEAST_SHARE]
    return (kept or [found[0][1]])[:_MOST_COLORS]


def _cells(lab: Array) -> Array:
    """(N,) int64: the cell of each color; those beyond the range count to the outermost cells."""
    bins = np.array(HISTOGRAM_BINS)
    places = np.floor((lab - _LOW) / (_HIGH - _LOW) * bins).astype(np.int64)
    places = np.clip(places, 0, bins - 1)
    return np.ravel_multi_index(tuple(places.T), HISTOGRAM_BINS)


def _sums(cells: Array, values: Array) -> Array:
    """(HISTOGRAM_SIZE, 3): sums of the values (N, 3) of each cell."""
    columns = [np.bincount(cells, column, HISTOGRAM_SIZE) for column in values.T]
    return np.stack(columns, axis=1)
