"""Augmentation: move a photo and its masks by the same chance, so that every pixel keeps its label.

An augmenter is anything that can be called like this:

    image, masks = augmenter(image, masks, rng)

    image:   (H, W, 3) uint8, RGB
    masks:   (H, W, N) bool; N may be 0
    rng:     np.random.Generator, the only source of chance: the same rng gives the same result
    Returns: new arrays of the same shapes and types; the inputs are left as they were.

`ImgaugAugmenter` makes one of any imgaug augmenter. Boxes are not passed along: they are made from the masks
afterwards.
"""

import contextlib
import copy
import functools
import importlib.abc
import importlib.machinery
import sys
import threading
import types

import numpy as np

from mrcnn.data import imgaug_rules

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
        self._per_thread = threading.local()

    def __call__(self, image, masks, rng):
        """The protocol above. A wrong shape or a changed canvas is a ValueError."""
        from imgaug.augmentables.segmaps import SegmentationMapsOnImage

        _check_inputs(image, masks)
        augmenter = self._copy_of_this_thread()
        augmenter.seed_(int(rng.integers(2**31 - 1)), deterministic_too=True)
        maps = SegmentationMapsOnImage(_to_planes(masks, self._packs), shape=image.shape)
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
        return np.ascontiguousarray(new_image), _to_masks(planes, masks.shape[2], self._packs)

    def _copy_of_this_thread(self):
        # Seeding writes into every node of the tree, so threads cannot share one. A copy per thread rather
        # than per image, because copying a tree takes half a millisecond.
        if not hasattr(self._per_thread, "augmenter"):
            self._per_thread.augmenter = copy.deepcopy(self.augmenter)
        return self._per_thread.augmenter

    def __getstate__(self):
        return {name: value for name, value in vars(self).items() if name != "_per_thread"}

    def __setstate__(self, state):
        import_imgaug()
        vars(self).update(state)
        self._per_thread = threading.local()


def import_imgaug():
    """Import imgaug 0.4.0 under NumPy 2 and return it; `import_imgaug().augmenters` is the usual `iaa`.

    imgaug's last release is older than NumPy 2 and fails in three places, see `mend_imgaug`.
    """
    mend_imgaug()
    import imgaug
    return imgaug


def mend_imgaug():
    """See to it that a plain `import imgaug`, anywhere in the process, works from now on, and costs nothing until then.

    Mended are `np.sctypes` at import (lent for that moment only), `np.complex` in noise parameters, and elastic maps that became
    float64, which OpenCV refuses.
    """
    if "imgaug" not in sys.modules and not any(isinstance(finder, _ImgaugFinder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _ImgaugFinder())


class _ImgaugFinder(importlib.abc.MetaPathFinder):
    """Finds imgaug where it lies, and has it mended while it is loaded."""

    def find_spec(self, fullname, path, target=None):
        spec = importlib.machinery.PathFinder.find_spec(fullname, path, target) if fullname == "imgaug" else None
        if spec is not None:
            spec.loader.exec_module = functools.partial(_load_mended, spec.loader.exec_module)
        return spec


def _load_mended(load, module):
    lent = not hasattr(np, "sctypes")
    if lent:
        np.sctypes = {
            "float": [np.float16, np.float32, np.float64, np.longdouble],
            "int": [np.int8, np.int16, np.int32, np.int64],
            "uint": [np.uint8, np.uint16, np.uint32, np.uint64],
        }
    try:
        load(module)
    finally:
        if lent:
            vars(np).pop("sctypes", None)
    module.parameters.np = _NumpyWithComplex("numpy")
    _make_elastic_maps_float32(module.augmenters.geometric.ElasticTransformation)


class _NumpyWithComplex(types.ModuleType):
    """NumPy as imgaug's parameters knew it."""

    complex = complex

    def __getattr__(self, name):
        return getattr(np, name)


def _make_elastic_maps_float32(elastic):
    shift_maps = elastic._generate_shift_maps.__func__

    def float32_shift_maps(cls, *args, **kwargs):
        dx, dy = shift_maps(cls, *args, **kwargs)
        return dx.astype(np.float32), dy.astype(np.float32)

    elastic._generate_shift_maps = classmethod(float32_shift_maps)


def _check_inputs(image, masks):
    if image.ndim != 3 or image.dtype != np.uint8:
        raise ValueError(
            f"The image must be (H, W, channels) uint8, but it is {image.shape} {image.dtype}. "
            "Augment before the pixel mean is subtracted."
        )
    if masks.ndim != 3 or masks.shape[:2] != image.shape[:2] or masks.dtype != bool:
        raise ValueError(
            f"The masks must be (H, W, N) bool with H, W = {image.shape[:2]}, "
            f"but they are {masks.shape} {masks.dtype}. "
            "Augment before masks are cut down to mini-masks; without objects pass np.zeros((H, W, 0), bool)."
        )


def _to_planes(masks, packs):
    """Masks (H, W, N) bool -> the planes that imgaug moves: (H, W, ceil(N / 8)) uint8, one bit a mask.

    imgaug moves planes one by one, as int32, which takes longer than all else for ten masks. It only ever
    copies their values (nearest neighbour), so one plane can carry eight masks.
    """
    height, width, count = masks.shape
    if not packs:
        return masks if count else np.zeros((height, width, 1), bool)
    padded = np.zeros((height, width, max(8, -(-count // 8) * 8)), bool)
    padded[:, :, :count] = masks
    return np.packbits(padded.ravel(), bitorder="little").reshape(height, width, -1)


def _to_masks(planes, count, packs):
    """The inverse of `_to_planes`; `count` is N."""
    if packs:
        planes = np.unpackbits(planes.ravel(), bitorder="little").view(bool).reshape(*planes.shape[:2], -1)
    return np.ascontiguousarray(planes[:, :, :count])
