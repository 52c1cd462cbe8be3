"""Intervals of a share, such as recall, from counts."""

import numpy as np
from scipy.special import ndtri

from mrcnn.typing import Array


def wilson_interval(
    hits: Array | int, total: Array | int, confidence: float = 0.95
) -> tuple[Array, Array]:
    """Returns Wilson's score interval of a share.

    Unlike share ± 2 standard errors it stays within 0 and 1, and has a width for shares of 0 and
    1 as well (Wilson 1927; Brown, Cai and DasGupta 2001). It takes the counted things to be
    independent.

    Args:
        hits: `(...)` how many have the property.
        total: `(...)` how many there are.
        confidence: Of the interval, in (0, 1).

    Returns:
        `(...)` float64 lower and upper limits; 0 and 1 where the total is 0.
    """
    hits, total = np.asarray(hits, np.float64), np.asarray(total, np.float64)
    z = ndtri(0.5 + confidence / 2)
    number = np.maximum(total, 1)
    share = hits / number
    middle = (share + z**2 / (2 * number)) / (1 + z**2 / number)
    half = z * np.sqrt(share * (1 - share) / number + (z / (2 * number)) ** 2)
    half = half / (1 + z**2 / number)
    # Rounding: no hits give a lower limit of exactly 0, only hits an upper one of exactly 1.
    low = np.where((hits <= 0) | (total == 0), 0.0, middle - half)
    high = np.where((hits >= total) | (total == 0), 1.0, middle + half)
    return low, high
