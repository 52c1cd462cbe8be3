"""ImgaugAugmenter: uses any imgaug augmenter, and moves masks with the image."""

import contextlib
import pickle
import threading
from typing import Any

import numpy as np

from mrcnn.data.augmentation import imgaug_rules
from mrcnn.data.augmentation.imgaug_import import import_imgaug
from mrcnn.data.augmentation.on_arrays import ArrayAugmenter
from mrcnn.data.augmentation.per_thread import CopyPerThread
from mrcnn.data.masks.cropped import CroppedMasks
from mrcnn.data.sample import Sample
from mrcnn.typing import override

# imgaug's image corruptions seed NumPy's global generator: only one thread at a time may run them.
_NUMPY_SEED_LOCK = threading.Lock()


class ImgaugAugmenter(ArrayAugmenter):
    """Augments image and masks with an imgaug augmenter; safe to share between threads.

    An augmenter that would move the image without its masks, or change the size of the canvas, is
    refused with a ValueError that names it (see `imgaug_rules`). Where an augmenter fills what it
    uncovers, as with mode="reflect", it fills the image only: a mirrored copy of an object gets no
    mask.

    Args:
        augmenter: An `imgaug.augmenters.Augmenter`, or a tree of them (Sequential, SomeOf, …).
        trust: Own classes that the check refuses without reason.
    """

    def __init__(self, augmenter: Any, *, trust: tuple[type, ...] = ()) -> None:
        import_imgaug()
        imgaug_rules.check(augmenter, trust)
        self.augmenter = augmenter
        self._packs = imgaug_rules.only_copies_mask_values(augmenter)
        self._seeds_numpy = imgaug_rules.seeds_numpy(augmenter)
        # Seeding writes into every node of the tree, so threads cannot share one.
        self._copies = CopyPerThread(augmenter)

    @override
    def augment(self, sample: Sample, rng: np.random.Generator) -> Sample:
        from imgaug.augmentables.segmaps import SegmentationMapsOnImage

        image = sample.image
        # imgaug moves planes one by one, as int32, which takes longer than all else for ten masks.
        # It only copies their values (nearest neighbour), so one plane can carry eight masks.
        planes = sample.masks.planes(self._packs)
        augmenter = self._copies.get()
        augmenter.seed_(int(rng.integers(2**31 - 1)), deterministic_too=True)
        maps = SegmentationMapsOnImage(planes, shape=image.shape)
        with _NUMPY_SEED_LOCK if self._seeds_numpy else contextlib.nullcontext():
            new_image, maps = augmenter.augment(image=image, segmentation_maps=maps)
        planes = maps.get_arr()
        kept = new_image.shape == image.shape and new_image.dtype == image.dtype
        if not kept or planes.shape[:2] != image.shape[:2]:
            raise ValueError(
                f"{type(self.augmenter).__name__} turned an image {image.shape} uint8 into "
                f"{new_image.shape} {new_image.dtype} and its masks into {planes.shape[:2]}, but "
                "size and type must stay. "
                "Wrap the part that changes the size in iaa.KeepSizeByResize(...)."
            )
        masks = CroppedMasks.from_planes(planes, len(sample.masks), self._packs)
        return sample.with_pixels(np.ascontiguousarray(new_image), masks)

    def __reduce__(self):
        # Pickled twice: the reading process must patch imgaug before it unpickles its objects.
        return _unpickled, (pickle.dumps(vars(self)),)


def _unpickled(state: bytes) -> ImgaugAugmenter:
    import_imgaug()
    augmenter = ImgaugAugmenter.__new__(ImgaugAugmenter)
    vars(augmenter).update(pickle.loads(state))
    return augmenter
