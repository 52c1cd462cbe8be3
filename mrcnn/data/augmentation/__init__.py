"""Augmentation: changes an image and its masks alike, so that every pixel keeps its label.

An augmenter is either a function

    image, masks = augmenter(image, masks, rng)

    image:   (H, W, 3) uint8, RGB
    masks:   (H, W, N) bool; N may be 0
    Returns: new arrays of the same shapes and types; the inputs stay unchanged

or an object with a method

    sample = augmenter.augment(sample, rng)       # see `mrcnn.data.sample.Sample`

The method sees the columns of the objects too, and may drop or add objects. It costs less, because
its masks are small crops. In both, `rng` (a np.random.Generator) is the only source of randomness:
the same `rng` gives the same result. Boxes are not passed along: they are computed from the masks
afterwards. Objects that are mostly hidden or cut off are dropped later, by
`mrcnn.data.loading.load_example`.

Augmenters of imgaug and Albumentations can be given as they are, and several in a list.
"""

from typing import Any

__all__ = ["AugmenterSequence", "FunctionAugmenter", "augmenter_of"]


def __getattr__(name: str) -> Any:
    # On demand: `import mrcnn` patches imgaug from this package and must not load OpenCV for it.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from mrcnn.data.augmentation import pipeline

    return getattr(pipeline, name)
