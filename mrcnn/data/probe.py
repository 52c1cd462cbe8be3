"""Probe: whether a stranger's augmentation keeps an image and its mask together, tried on random patterns whose mask is known."""
import numpy as np

_SEEDS = 8
_HW = (96, 128)
# Correlation between image and mask below which they count as torn apart. Rotated, cropped or noisy probes stay above 0.6; shifting the
# image alone by 8 pixels brings it near 0.
_CORRELATION = 0.5


def keeps_together(augment):
    """augment: callable (image (H, W, 3) uint8, mask (H, W) bool, seed) -> the two, changed. Raises ValueError if their size changes."""
    return all(_is_kept(augment, seed) for seed in range(_SEEDS))


def _is_kept(augment, seed):
    blocks = np.random.default_rng(seed).random((_HW[0] // 8, _HW[1] // 8)) < 0.5
    pattern = np.kron(blocks, np.ones((8, 8), bool))
    image = np.repeat(np.where(pattern, 200, 60).astype(np.uint8)[:, :, None], 3, axis=2)
    image, mask = augment(image, pattern, seed)
    grey, mask = np.asarray(image).mean(axis=2), np.asarray(mask)
    if grey.shape != _HW or mask.shape != _HW:
        raise ValueError(f"the canvas {_HW} became {grey.shape} for the image and {mask.shape} for the mask")
    if grey.std() == 0 or mask.std() == 0:
        return True     # nothing left to compare, as after a dropout
    return abs(np.corrcoef(grey.ravel(), mask.ravel())[0, 1]) >= _CORRELATION
