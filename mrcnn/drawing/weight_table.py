"""Weight table: the range of every tensor of a network, and which of them look untrained, dead or exploded."""

import numpy as np

HEADING = ["LAYER", "WEIGHT", "SHAPE", "MIN", "MAX", "STD", ""]
TOO_LARGE = 1000  # Matterport's: weights of a healthy network stay far below


def weight_rows(layers):
    """One row for every tensor.

    layers: {layer name: list of (tensor name, array of any shape)}
    Returns: list of rows of strings, the first the heading; the last cell is the alarm, "" for a tensor without one.
    """
    rows = [HEADING]
    for layer, tensors in layers.items():
        for name, values in tensors:
            values = np.asarray(values)
            numbers = (values.min(), values.max(), values.std()) if values.size else (np.nan,) * 3
            rows.append(
                [
                    layer,
                    name,
                    str(values.shape),
                    *(f"{number:+.4f}" for number in numbers),
                    _alarm(name, values, *numbers[:2]),
                ]
            )
    return rows


def _alarm(name, values, low, high):
    if values.size == 0:
        return ""
    if not (np.isfinite(low) and np.isfinite(high)):
        return "*** NaN or infinite"
    if max(abs(low), abs(high)) > TOO_LARGE:
        return "*** Overflow?"
    # A bias starts as a constant, and a single number is always one.
    return "*** dead?" if low == high and values.size > 1 and name != "bias" else ""
