"""AlbumentationsAugmenter: any Albumentations transform, with the masks moving along."""

import importlib.metadata
import os
import random

import numpy as np

from mrcnn.data.augmentation import albumentations_rules
from mrcnn.data.augmentation.per_thread import CopyPerThread
from mrcnn.data.masks.cropped import CroppedMasks
from mrcnn.data.sample import Sample

# Whenever it is imported, Albumentations asks PyPI for newer versions, of which there are none: seconds of waiting without a network.
os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")

_INSTALL = 'pip install "albumentations>=2.0,<2.1"'


class AlbumentationsAugmenter:
    """An Albumentations transform that moves masks along with the image; safe to share between threads.

    transform: one of Albumentations' transforms, or a tree of them in A.Compose, A.OneOf, A.SomeOf, A.Sequential …
    trust:     classes of your own that you have looked at and that the check refuses without reason

    What would move the image without its masks, copy parts of objects, or change the size of the canvas, is refused here with a
    ValueError that names it (see `albumentations_rules`). Raises ImportError without Albumentations 2.0.
    """

    def __init__(self, transform, *, trust=()):
        import_albumentations()
        albumentations_rules.check(transform, trust)
        self.transform = transform
        self._packs = albumentations_rules.only_copies_mask_values(transform)
        # Nodes keep their random state and the parameters that they drew, so threads cannot share them.
        self._copies = CopyPerThread(transform)

    def __call__(self, image, masks, rng):
        """image (H, W, 3) uint8, masks (H, W, N) bool -> the same, moved. A wrong shape or a changed canvas is a ValueError."""
        scene = self.augment(Sample.of(image, masks), rng)
        return scene.image, scene.masks.dense()

    def augment(self, scene, rng):
        """See `mrcnn.data.augmentation`. Raises ValueError if the canvas changes."""
        albumentations_rules.check_canvas(self.transform, scene.image.shape[:2])
        transform = self._copies.get()
        # set_random_seed would start every node from the same number: two flips of p=0.5 would always happen together.
        seed = int(rng.integers(2**63 - 1))
        transform.set_random_state(np.random.default_rng(seed), random.Random(seed))
        planes = np.ascontiguousarray(scene.masks.planes(self._packs).transpose(2, 0, 1), np.uint8)
        # A transform that does nothing this time returns what it was given, hence the copy.
        result = transform(image=scene.image.copy(), masks=planes)
        image, planes = result["image"], result["masks"]
        kept = image.shape == scene.image.shape and image.dtype == np.uint8
        if not kept or planes.shape[1:] != image.shape[:2]:
            raise ValueError(
                f"{type(self.transform).__name__} turned an image {scene.image.shape} uint8 into {image.shape} {image.dtype} "
                f"and its masks into {planes.shape[1:]}, but size and type must stay. Leave out what changes them."
            )
        masks = CroppedMasks.from_planes(planes.transpose(1, 2, 0), len(scene.masks), self._packs)
        return scene.moved(np.ascontiguousarray(image), masks)


def import_albumentations():
    """Albumentations 2.0, the MIT-licensed library, as a module. Raises ImportError that says what to install instead of anything else.

    Its successor AlbumentationsX has the same import name, version numbers that continue, and the AGPL, which would bind what uses it.
    """
    if _is_installed("albumentationsx"):
        raise ImportError(
            "AlbumentationsX (AGPL) is installed, which takes the place of Albumentations 2.0 (MIT); this project supports "
            f"the latter only. Run: pip uninstall albumentationsx albumentations && {_INSTALL}"
        )
    try:
        import albumentations
    except ModuleNotFoundError as error:
        raise ImportError(f"Albumentations is not installed. Run: {_INSTALL}") from error
    if not albumentations.__version__.startswith("2.0."):
        raise ImportError(
            f"Albumentations 2.0 is supported, but {albumentations.__version__} is installed. Run: {_INSTALL}"
        )
    return albumentations


def _is_installed(name):
    try:
        importlib.metadata.distribution(name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True
