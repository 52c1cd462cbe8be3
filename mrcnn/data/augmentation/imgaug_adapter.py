"""ImgaugAugmenter: any imgaug augmenter, with the masks moving along."""

import contextlib
import pickle
import threading

import numpy as np

from mrcnn.data.augmentation import imgaug_rules
from mrcnn.data.augmentation.imgaug_import import import_imgaug
from mrcnn.data.augmentation.per_thread import CopyPerThread
from mrcnn.data.masks.cropped import CroppedMasks
from mrcnn.data.sample import Sample

# imgaug's image corruptions seed NumPy's global generator, so only one thread at a time may be inside them.
_NUMPY_SEED_LOCK = threading.Lock()


class ImgaugAugmenter:
    """An imgaug augmenter that moves masks along with the image; safe to share between threads.

    augmenter: an `imgaug.augmenters.Augmenter`: one, or a tree of them in Sequential, SomeOf, Sometimes …
    trust:     classes of your own that you have looked at and that the check refuses without reason

    What would move the image without its masks, or change the size of the canvas, is refused here with a
    ValueError that names it (see `imgaug_rules`). Where an augmenter fills what it uncovers, as with
    mode="reflect", only the image is filled: a mirrored sleeve is not a second sleeve, and gets no mask.
    """

    def __init__(self, augmenter, *, trust=()):
        import_imgaug()
        imgaug_rules.check(augmenter, trust)
        self.augmenter = augmenter
        self._packs = imgaug_rules.only_copies_mask_values(augmenter)
        self._seeds_numpy = imgaug_rules.seeds_numpy(augmenter)
        # Seeding writes into every node of the tree, so threads cannot share one.
        self._copies = CopyPerThread(augmenter)

    def __call__(self, image, masks, rng):
        """image (H, W, 3) uint8, masks (H, W, N) bool -> the same, moved. A wrong shape or a changed canvas is a ValueError."""
        scene = self.augment(Sample.of(image, masks), rng)
        return scene.image, scene.masks.dense()

    def augment(self, scene, rng):
        """See `mrcnn.data.augmentation`. Raises ValueError if the canvas changes."""
        from imgaug.augmentables.segmaps import SegmentationMapsOnImage

        image = scene.image
        # imgaug moves planes one by one, as int32, which takes longer than all else for ten masks. It only ever copies their values
        # (nearest neighbour), so one plane can carry eight masks.
        planes = scene.masks.planes(self._packs)
        augmenter = self._copies.get()
        augmenter.seed_(int(rng.integers(2**31 - 1)), deterministic_too=True)
        maps = SegmentationMapsOnImage(planes, shape=image.shape)
        with _NUMPY_SEED_LOCK if self._seeds_numpy else contextlib.nullcontext():
            new_image, maps = augmenter.augment(image=image, segmentation_maps=maps)
        planes = maps.get_arr()
        kept = new_image.shape == image.shape and new_image.dtype == image.dtype
        if not kept or planes.shape[:2] != image.shape[:2]:
            raise ValueError(
                f"{type(self.augmenter).__name__} turned an image {image.shape} uint8 into {new_image.shape} "
                f"{new_image.dtype} and its masks into {planes.shape[:2]}, but size and type must stay. "
                "Wrap the part that changes the size in iaa.KeepSizeByResize(...)."
            )
        return scene.moved(
            np.ascontiguousarray(new_image),
            CroppedMasks.from_planes(planes, len(scene.masks), self._packs),
        )

    def __reduce__(self):
        # In two steps: where this is read again, imgaug must be mended before any of its objects is.
        return _unpickled, (pickle.dumps(vars(self)),)


def _unpickled(state):
    import_imgaug()
    augmenter = ImgaugAugmenter.__new__(ImgaugAugmenter)
    vars(augmenter).update(pickle.loads(state))
    return augmenter
