"""Problems of augmentations with masks: found by probing a stranger's code with patterns whose mask is known, and named in one error."""

import copy
import functools

import numpy as np

_SEEDS = 8
_HW = (96, 128)
# Correlation between image and mask below which they count as torn apart. Rotated, cropped or noisy probes stay above 0.6; shifting the
# image alone by 8 pixels brings it near 0.
_CORRELATION = 0.5


def refuse(problems):
    """Raise one ValueError that names all `problems`, sentences, each once; None among them are none."""
    named = [problem for problem in dict.fromkeys(problems) if problem]
    if named:
        raise ValueError(
            "\n  ".join(["This augmentation would not keep masks on their objects:", *named])
        )


def alignment_problem(node, augment, advice):
    """Code of a stranger, tried on eight random patterns: a sentence that ends with `advice`, or None if image and mask stay together.

    node: an object of the stranger's class, left as it is; augment: callable (copy of node, image (H, W, 3) uint8, mask (H, W) bool,
    seed) -> image and mask, changed
    """
    name = type(node).__name__
    try:
        copied = functools.partial(augment, copy.deepcopy(node))
        kept = all(_is_kept(copied, seed) for seed in range(_SEEDS))
    except Exception as error:  # whatever a stranger's code raises, the answer is the same
        return f"{name} failed on a test image ({type(error).__name__}: {error}): {advice}"
    return None if kept else f"{name} moved a test image and its mask apart: {advice}"


def _is_kept(augment, seed):
    """Raises ValueError if the size of image or mask changes."""
    blocks = np.random.default_rng(seed).random((_HW[0] // 8, _HW[1] // 8)) < 0.5
    pattern = np.kron(blocks, np.ones((8, 8), bool))
    image = np.repeat(np.where(pattern, 200, 60).astype(np.uint8)[:, :, None], 3, axis=2)
    image, mask = augment(image, pattern, seed)
    grey, mask = np.asarray(image).mean(axis=2), np.asarray(mask)
    if grey.shape != _HW or mask.shape != _HW:
        raise ValueError(
            f"the canvas {_HW} became {grey.shape} for the image and {mask.shape} for the mask"
        )
    if grey.std() == 0 or mask.std() == 0:
        return True  # nothing left to compare, as after a dropout
    return abs(np.corrcoef(grey.ravel(), mask.ravel())[0, 1]) >= _CORRELATION
