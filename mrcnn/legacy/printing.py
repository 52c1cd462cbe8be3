"""Printing what an array holds, as Matterport's notebooks do on every page."""

import numpy as np


def log(text, array=None):
    """Print a text and, of an array, its shape, range and type."""
    if array is not None:
        array = np.asarray(array)
        span = f"min: {array.min():10.5f}  max: {array.max():10.5f}" if array.size else "empty"
        text = f"{text:25}  shape: {array.shape!s:20}  {span}  {array.dtype}"
    print(text)
