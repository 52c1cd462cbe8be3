"""Patches: places by hand, and patches against padded NumPy arrays."""

import numpy as np
import pytest

from mrcnn.ops.anchors import pyramid_anchors
from mrcnn.ops.patches import locate, patches_at


def test_anchors_lie_where_they_are_made(run):
    grids = [(4, 3), (2, 2)]
    index = np.arange(2 * (4 * 3 + 2 * 2), dtype=np.int32)
    level, row, column, slot = run(locate, index, grids=grids, slots=2)
    assert level.tolist() == [0] * 24 + [1] * 8 and slot.tolist() == [0, 1] * 16
    centres = pyramid_anchors((32, 24), (8, 16), (8, 16), (1, 2)).reshape(-1, 2, 2).mean(axis=1)
    stride = np.array([8, 16])[level]
    np.testing.assert_array_equal(np.stack([row * stride, column * stride], axis=1), centres)


@pytest.mark.parametrize("step", [1, 2])
@pytest.mark.parametrize("size", [1, 3])
def test_a_patch_is_what_a_padded_convolution_sees(run, rng, size, step):
    shapes = [(6, 5), (4, 4), (1, 3)]
    pyramid = [rng.normal(size=(2, *shape, 3)).astype(np.float32) for shape in shapes]
    places = [
        (b, n, y, x)
        for b in range(2)
        for n, (h, w) in enumerate(shapes)
        for y in range(-(-h // step))
        for x in range(-(-w // step))
    ]
    level, row, column = (np.int32([p[i] for p in places]).reshape(2, -1) for i in (1, 2, 3))
    patches = run(
        lambda a, b, c, *place: patches_at([a, b, c], *place, size=size, stride=step),
        *pyramid,
        level,
        row,
        column,
    )
    for (b, n, y, x), patch in zip(places, patches.reshape(-1, size, size, 3), strict=True):
        before = [max((-(-side // step) - 1) * step + size - side, 0) // 2 for side in shapes[n]]
        padded = np.pad(pyramid[n][b], [(before[0], size), (before[1], size), (0, 0)])
        np.testing.assert_array_equal(
            patch, padded[y * step : y * step + size, x * step : x * step + size]
        )
