"""AlbumentationsAugmenter: uses any Albumentations transform, and moves masks with the image."""

import importlib.metadata
import os
import random
import types
from typing import Any

import numpy as np

from mrcnn.data.augmentation import albumentations_rules
from mrcnn.data.augmentation.on_arrays import ArrayAugmenter
from mrcnn.data.augmentation.per_thread import CopyPerThread
from mrcnn.data.masks.cropped import CroppedMasks
from mrcnn.data.sample import Sample
from mrcnn.typing import override

# Whenever it is imported, Albumentations asks PyPI for newer versions, of which there are none:
# seconds of waiting without a network. Set while this module is imported, not later, because users
# import Albumentations themselves to make a transform. Worker processes inherit the setting.
os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")

_INSTALL = 'pip install "albumentations>=2.0,<2.1"'


class AlbumentationsAugmenter(ArrayAugmenter):
    """Augments image and masks with an Albumentations transform; safe to share between threads.

    A transform that would move the image without its masks, copy parts of objects, or change the
    size of the canvas, is refused with a ValueError that names it (see `albumentations_rules`).
    Raises ImportError without Albumentations 2.0.

    Args:
        transform: A transform, or a tree of them (A.Compose, A.OneOf, A.SomeOf, …).
        trust: Own classes that the check refuses without reason.
    """

    def __init__(self, transform: Any, *, trust: tuple[type, ...] = ()) -> None:
        import_albumentations()
        albumentations_rules.check(transform, trust)
        self.transform = transform
        self._packs = albumentations_rules.only_copies_mask_values(transform)
        # Nodes keep their random state and the parameters that they drew, so threads cannot share
        # them.
        self._copies = CopyPerThread(transform)

    @override
    def augment(self, sample: Sample, rng: np.random.Generator) -> Sample:
        shape = sample.image.shape
        albumentations_rules.check_canvas(self.transform, shape[:2])
        transform = self._copies.get()
        # set_random_seed would start every node from the same number: two flips of p=0.5 would
        # always happen together.
        seed = int(rng.integers(2**63 - 1))
        transform.set_random_state(np.random.default_rng(seed), random.Random(seed))
        planes = np.ascontiguousarray(sample.masks.planes(self._packs).transpose(2, 0, 1), np.uint8)
        # A transform that does nothing this time returns its input, hence the copy.
        result = transform(image=sample.image.copy(), masks=planes)
        image, planes = result["image"], result["masks"]
        kept = image.shape == shape and image.dtype == np.uint8
        if not kept or planes.shape[1:] != image.shape[:2]:
            raise ValueError(
                f"{type(self.transform).__name__} turned an image {shape} uint8 into {image.shape} "
                f"{image.dtype} and its masks into {planes.shape[1:]}, but size and type must "
                "stay. Leave out what changes them."
            )
        masks = CroppedMasks.from_planes(planes.transpose(1, 2, 0), len(sample.masks), self._packs)
        return sample.with_pixels(np.ascontiguousarray(image), masks)


def import_albumentations() -> types.ModuleType:
    """Imports Albumentations 2.0, the MIT-licensed library.

    Its successor AlbumentationsX has the same import name and version numbers that continue, but is
    under the AGPL, which would bind what uses it.

    Returns:
        The module.

    Raises:
        ImportError: If it is not installed, or something else in its place; says what to install.
    """
    if _is_installed("albumentationsx"):
        raise ImportError(
            "AlbumentationsX (AGPL) is installed, which takes the place of Albumentations 2.0 "
            "(MIT); this project supports the latter only. Run: pip uninstall albumentationsx "
            f"albumentations && {_INSTALL}"
        )
    try:
        import albumentations
    except ModuleNotFoundError as error:
        raise ImportError(f"Albumentations is not installed. Run: {_INSTALL}") from error
    if not albumentations.__version__.startswith("2.0."):
        raise ImportError(
            f"Albumentations 2.0 is supported, but {albumentations.__version__} is installed. Run: "
            f"{_INSTALL}"
        )
    return albumentations


def _is_installed(name: str) -> bool:
    try:
        importlib.metadata.distribution(name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True
