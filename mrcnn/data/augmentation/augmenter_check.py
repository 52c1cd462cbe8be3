"""Checks that an augmenter moves masks together with the image.

Third-party code is tried on test images whose masks are known. All problems are named in one error.
"""

import copy
import functools
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from mrcnn.typing import Array

# Code that moves image and mask apart in half of the cases passes 8 seeds once in 256 tries.
_SEEDS = 8
_CANVAS_HW = (96, 128)
# Correlation between image and mask below which they count as misaligned. Rotated, cropped or noisy
# test images stay above 0.6; shifting only the image by 8 pixels brings it near 0.
_MIN_CORRELATION = 0.5


def raise_problems(problems: Iterable[str | None]) -> None:
    """Raises one error for all problems.

    Args:
        problems: Sentences; repeated ones are named once, and None is not a problem.

    Raises:
        ValueError: If there is any problem.
    """
    named = [problem for problem in dict.fromkeys(problems) if problem]
    if named:
        raise ValueError(
            "\n  ".join(["This augmentation would not keep masks on their objects:", *named])
        )


def alignment_problem(node: Any, augment: Callable[..., Any], advice: str) -> str | None:
    """Tries third-party code on eight random patterns.

    Args:
        node: An object of the third-party class; stays unchanged.
        augment: `(copy of node, image (H, W, 3) uint8, mask (H, W) bool, seed) -> (image, mask)`.
        advice: The end of the sentence.

    Returns:
        The problem, or None if image and mask stay aligned.
    """
    name = type(node).__name__
    try:
        copied = functools.partial(augment, copy.deepcopy(node))
        kept = all(_stays_aligned(copied, seed) for seed in range(_SEEDS))
    except Exception as error:  # third-party code may raise anything
        return f"{name} failed on a test image ({type(error).__name__}: {error}): {advice}"
    return None if kept else f"{name} moved a test image and its mask apart: {advice}"


def _stays_aligned(augment: Callable[[Array, Array, int], Any], seed: int) -> bool:
    """Raises ValueError if the size of image or mask changes."""
    # Blocks of 8 pixels: smaller ones would be blurred away, larger ones would hide small shifts.
    rng = np.random.default_rng(seed)
    blocks = rng.random((_CANVAS_HW[0] // 8, _CANVAS_HW[1] // 8)) < 0.5
    pattern = np.kron(blocks, np.ones((8, 8), bool))
    image = np.repeat(np.where(pattern, 200, 60).astype(np.uint8)[:, :, None], 3, axis=2)
    image, mask = augment(image, pattern, seed)
    grey, mask = np.asarray(image).mean(axis=2), np.asarray(mask)
    if grey.shape != _CANVAS_HW or mask.shape != _CANVAS_HW:
        raise ValueError(
            f"the canvas {_CANVAS_HW} became {grey.shape} for the image and {mask.shape} for the "
            "mask"
        )
    if grey.std() == 0 or mask.std() == 0:
        return True  # nothing left to compare, as after a dropout
    return bool(abs(np.corrcoef(grey.ravel(), mask.ravel())[0, 1]) >= _MIN_CORRELATION)
