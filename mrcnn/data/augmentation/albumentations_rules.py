"""Rules for Albumentations: which transforms keep masks on their objects, and what to use instead.

Everything here inspects a tree of transforms; nothing changes it. Albumentations is imported inside
the functions: it takes a second, and most programs do not use it.
"""

import random
from collections.abc import Iterator, Sequence
from typing import Any

import cv2
import numpy as np

from mrcnn.data.augmentation.augmenter_check import alignment_problem, raise_problems
from mrcnn.typing import Array, Size

_COPYING = (cv2.INTER_NEAREST, cv2.INTER_NEAREST_EXACT)
_OTHER_TYPES = ("Normalize", "ToFloat", "FromFloat", "ToTensorV2", "ToTensor3D")
_OTHER_SIZES = (
    "Resize",
    "LongestMaxSize",
    "SmallestMaxSize",
    "RandomScale",
    "Pad",
    "PadIfNeeded",
    "Crop",
    "CenterCrop",
    "RandomCrop",
    "RandomCropFromBorders",
    "CropNonEmptyMaskIfExists",
    "AtLeastOneBBoxRandomCrop",
)
_FIXED_SIZES = ("RandomResizedCrop", "RandomSizedCrop")
_SWAPS_SIDES = ("RandomRotate90", "Transpose", "D4", "SquareSymmetry")
_NEEDS_BOXES = (
    "BBoxSafeRandomCrop",
    "RandomSizedBBoxSafeCrop",
    "RandomCropNearBBox",
    "ConstrainedCoarseDropout",
)


def check(transform: Any, trust: Sequence[type] = ()) -> None:
    """Checks a tree of transforms.

    Args:
        transform: The root of the tree.
        trust: Classes that are not checked.

    Raises:
        ValueError: Names every node that cannot be used with masks, and why.
    """
    import albumentations as A

    if not isinstance(transform, (A.BasicTransform, A.BaseCompose)):
        what = type(transform).__name__
        if isinstance(transform, type):
            what = f"the class {transform.__name__}, not made yet"
        raise ValueError(
            f"Expected an Albumentations transform, got {what}. Put several into A.Compose. A "
            "function of your own needs no Albumentations: it is called as (image, masks, rng) -> "
            "(image, masks)."
        )
    raise_problems(
        _problem(node, parents, A)
        for node, parents in _walk(transform)
        if not isinstance(node, tuple(trust))
    )


def check_canvas(transform: Any, canvas_hw: Size) -> None:
    """Checks that no node of the tree changes the size of an image.

    Args:
        transform: The root of the tree.
        canvas_hw: Height and width of the images.

    Raises:
        ValueError: Names the node, and what to use.
    """
    canvas_hw = (canvas_hw[0], canvas_hw[1])
    for node, _ in _walk(transform):
        name = _own_name(node)
        if name in _FIXED_SIZES and tuple(node.size) != canvas_hw:
            raise ValueError(
                f"{name} makes images of {tuple(node.size)} pixels (height, width), but the "
                f"network's are {canvas_hw}: use {name}(size={canvas_hw}, ...)."
            )
        if name in _SWAPS_SIDES and canvas_hw[0] != canvas_hw[1]:
            raise ValueError(
                f"{name} turns images of {canvas_hw} pixels (height, width) on their side, so "
                "their size changes: use A.Affine(rotate=...) or flips, or train with "
                'IMAGE_RESIZE_MODE = "square".'
            )


def only_copies_mask_values(transform: Any) -> bool:
    """Returns whether eight masks may share a plane, see `CroppedMasks.planes`.

    Args:
        transform: The root of the tree.

    Returns:
        True if all nodes are Albumentations' own and move mask values to the nearest pixel, without
        arithmetic.
    """
    return all(
        _is_own(node)
        and type(node).__name__ != "Lambda"
        and getattr(node, "mask_interpolation", None) in (None, *_COPYING)
        and getattr(node, "area_for_downscale", None) != "image_mask"
        for node, _ in _walk(transform)
    )


def _walk(node: Any, parents: tuple = ()) -> Iterator[tuple[Any, tuple]]:
    from albumentations import BaseCompose

    yield node, parents
    # ColorJitter has an attribute `transforms` as well, which holds functions.
    for child in node.transforms if isinstance(node, BaseCompose) else ():
        yield from _walk(child, (*parents, node))


def _is_own(node: Any) -> bool:
    return type(node).__module__.startswith("albumentations.")


def _own_name(node: Any) -> str:
    """Returns the name of the nearest base class of Albumentations': RandomCrop for a subclass."""
    for kind in type(node).__mro__:
        if kind.__module__.startswith("albumentations."):
            return kind.__name__
    return ""


def _problem(node: Any, parents: tuple, A: Any) -> str | None:
    """Returns what is wrong with this node at this place of the tree: a sentence, or None."""
    name = type(node).__name__
    return (
        _needs_more_targets(node, name, A)
        or _changes_type(node, name)
        or _changes_canvas(node, name, A)
        or _moves_image_only(node, name, parents, A)
        or _copies_or_paints_masks(node, name, A)
        or _misaligns(node, name)
    )


def _needs_more_targets(node: Any, name: str, A: Any) -> str | None:
    if getattr(node, "processors", None) and isinstance(node, A.Compose):
        return (
            f"{name}(bbox_params=..., keypoint_params=...) waits for boxes or points: leave them "
            "out, boxes are made from the masks."
        )
    if isinstance(node, A.Transform3D):
        return f"{name} is for volumes: use its namesake for images."
    wanted = set(getattr(node, "targets_as_params", ())) - {"image"}
    if wanted or _own_name(node) in _NEEDS_BOXES:
        return (
            f"{name} asks for {', '.join(sorted(wanted)) or 'boxes'}, and here are an image and "
            "its instance masks only: leave it out."
        )
    return None


def _changes_type(node: Any, name: str) -> str | None:
    if _own_name(node) in _OTHER_TYPES:
        return (
            f"{name} changes the type of the pixels: leave it out, the Config normalizes them "
            "(PIXEL_STATISTICS)."
        )
    if getattr(node, "num_output_channels", 3) != 3:
        return (
            f"{name}(num_output_channels={node.num_output_channels}) changes the number of "
            "channels: use 3."
        )
    return None


def _changes_canvas(node: Any, name: str, A: Any) -> str | None:
    kind = _own_name(node)
    if kind in _OTHER_SIZES:
        return (
            f"{name} changes the canvas size: leave sizes to the Config, use A.Affine(scale=...) "
            "to zoom, A.CropAndPad(..., keep_size=True) or A.RandomResizedCrop(size=the "
            "network's) to crop."
        )
    if getattr(node, "keep_size", True) is False:
        return f"{name}(keep_size=False) changes the canvas size: use keep_size=True."
    if getattr(node, "crop_border", False):
        return f"{name}(crop_border=True) changes the canvas size: use crop_border=False."
    if isinstance(node, A.Affine) and kind != "SafeRotate" and node.fit_output:
        return (
            f"{name}(fit_output=True) changes the canvas size: use fit_output=False, or "
            "A.SafeRotate."
        )
    return None


def _moves_image_only(node: Any, name: str, parents: tuple, A: Any) -> str | None:
    is_partial = any(isinstance(parent, A.SelectiveChannelTransform) for parent in parents)
    if isinstance(node, A.DualTransform) and is_partial:
        return (
            f"{name} inside SelectiveChannelTransform moves the image without its masks: take it "
            "out, and keep only color, blur and noise inside."
        )
    if isinstance(node, A.Morphological):
        return (
            f"{name} grows what is bright in the image but every object in its mask: leave it out."
        )
    return None


def _copies_or_paints_masks(node: Any, name: str, A: Any) -> str | None:
    if not isinstance(node, A.DualTransform):
        return None
    if getattr(node, "border_mode", cv2.BORDER_CONSTANT) != cv2.BORDER_CONSTANT:
        return (
            f"{name} fills what it uncovers with copies of the image and of the masks, so that "
            "objects grow a mirrored or smeared part: use border_mode=cv2.BORDER_CONSTANT."
        )
    if np.any(getattr(node, "fill_mask", None) or 0):
        return (
            f"{name}(fill_mask={node.fill_mask}) adds pixels to every object: use fill_mask=0, or "
            "None to leave masks as they are."
        )
    if getattr(node, "mask_drop_value", None) is not None:
        return (
            f"{name}(mask_drop_value=...) drops other pixels of the masks than of the image: use "
            "mask_drop_value=None."
        )
    return None


def _misaligns(node: Any, name: str) -> str | None:
    """Tries code that is not Albumentations' on random patterns."""
    if _is_own(node) and type(node).__name__ != "Lambda":
        return None
    how = "give it a mask= that moves masks" if name == "Lambda" else "let apply_to_mask move masks"
    advice = (
        f"{how} (H, W) of any size as images are moved; if it only changes colors or adds noise, "
        f"pass trust=({name},)."
    )
    return alignment_problem(node, _augment_pattern, advice)


def _augment_pattern(node: Any, image: Array, pattern: Array, seed: int) -> tuple[Array, Array]:
    node.set_random_state(np.random.default_rng(seed), random.Random(seed))
    result = node(image=image, masks=pattern[None].astype(np.uint8), force_apply=True)
    return result["image"], result["masks"][0]
