"""Rules for imgaug: which augmenters keep masks on their objects, and what to use instead.

Everything here inspects an imgaug augmenter tree; nothing changes it. imgaug is imported inside the
functions: it takes a second, and most programs do not use it.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from mrcnn.data.augmentation.augmenter_check import alignment_problem, raise_problems
from mrcnn.typing import Array


def check(augmenter: Any, trust: Sequence[type] = ()) -> None:
    """Checks a tree of augmenters.

    Args:
        augmenter: The root of the tree.
        trust: Classes that are not checked.

    Raises:
        ValueError: Names every node that cannot be used with masks, and why.
    """
    import imgaug.augmenters as iaa

    if not isinstance(augmenter, iaa.Augmenter):
        raise ValueError(
            f"Expected an imgaug augmenter, got {type(augmenter).__name__}. Put several into "
            "iaa.Sequential. A function of your own needs no imgaug: it is called as (image, "
            "masks, rng) -> (image, masks)."
        )
    raise_problems(
        _problem(node, parents, iaa)
        for node, parents in _walk(augmenter)
        if not isinstance(node, tuple(trust))
    )


def only_copies_mask_values(augmenter: Any) -> bool:
    """Returns whether eight masks may share a plane, see `CroppedMasks.planes`.

    Args:
        augmenter: The root of the tree.

    Returns:
        True if all nodes are imgaug's own, which move mask values without arithmetic.
    """
    import imgaug.augmenters as iaa

    nodes = (node for node, _ in _walk(augmenter))
    return not any(isinstance(node, iaa.Lambda) or _is_foreign(node) for node in nodes)


def seeds_numpy(augmenter: Any) -> bool:
    """Returns whether the tree has one of imgaug's image corruptions.

    Args:
        augmenter: The root of the tree.

    Returns:
        True if it does: these seed NumPy's global generator.
    """
    return any(type(node).__module__.endswith(".imgcorruptlike") for node, _ in _walk(augmenter))


def _walk(node: Any, parents: tuple = ()) -> Iterator[tuple[Any, tuple]]:
    yield node, parents
    for children in node.get_children_lists():
        for child in children:
            yield from _walk(child, (*parents, node))


def _problem(node: Any, parents: tuple, iaa: Any) -> str | None:
    """Returns what is wrong with this node at this place of the tree: a sentence, or None."""
    name = type(node).__name__
    return (
        _moves_image_only(node, name, iaa)
        or _changes_canvas(node, name, parents, iaa)
        or _moves_a_part(node, name, parents, iaa)
        or _blurs_masks(node, name, iaa)
        or _misaligns(node, name, iaa)
    )


def _moves_image_only(node: Any, name: str, iaa: Any) -> str | None:
    if isinstance(node, iaa.imgcorruptlike.ElasticTransform):
        return f"imgcorruptlike.{name} moves only the image: use iaa.ElasticTransformation."
    if isinstance(node, iaa.pillike.Affine):
        return f"pillike.{name} moves only the image: use iaa.Affine."
    if isinstance(node, iaa.RandAugment):
        return (
            f"{name} contains pillike.Affine, which moves only the image: use iaa.SomeOf with "
            "iaa.Affine."
        )
    if isinstance(node, (iaa.BlendAlphaSegMapClassIds, iaa.BlendAlphaBoundingBoxes)):
        return (
            f"{name} asks for class maps or boxes, and here are instance masks: use iaa.BlendAlpha."
        )
    if _is_own_function(node, iaa) and not node.func_segmentation_maps:
        return (
            f"{name} has func_images but no func_segmentation_maps: give it one that moves "
            "segmap.arr alike, or that returns the maps unchanged if func_images only changes "
            "colors."
        )
    return None


def _changes_canvas(node: Any, name: str, parents: tuple, iaa: Any) -> str | None:
    if any(isinstance(parent, iaa.KeepSizeByResize) for parent in parents):
        return None
    if getattr(node, "keep_size", True) is False:
        return f"{name}(keep_size=False) changes the canvas size: use keep_size=True."
    if getattr(node, "fit_output", False):
        return f"{name}(fit_output=True) changes the canvas size: use fit_output=False."
    if isinstance(node, (iaa.Resize, iaa.CropToFixedSize, iaa.PadToFixedSize)):
        return (
            f"{name} changes the canvas size: leave sizes to the Config, use iaa.Affine(scale=...) "
            "to zoom, or wrap it in iaa.KeepSizeByResize(...)."
        )
    if isinstance(node, iaa.Jigsaw) and node.allow_pad:
        return (
            f"{name} pads the canvas to a multiple of its cells: use iaa.Jigsaw(..., "
            "allow_pad=False)."
        )
    return None


def _moves_a_part(node: Any, name: str, parents: tuple, iaa: Any) -> str | None:
    """Finds movement whose result is mixed with the unmoved image: the object gets a ghost."""
    blends = (
        iaa.BlendAlpha,
        iaa.BlendAlphaMask,
        iaa.WithBrightnessChannels,
        iaa.WithHueAndSaturation,
    )
    for parent in parents:
        selects = isinstance(parent, iaa.WithChannels) and parent.channels is not None
        if (selects or isinstance(parent, blends)) and _moves(node, iaa):
            return (
                f"{name} inside {type(parent).__name__} moves only a part of the pixels: take it "
                "out, and keep only color, blur and noise inside."
            )
    return None


def _moves(node: Any, iaa: Any) -> bool:
    movers = (
        iaa.Fliplr, iaa.Flipud, iaa.Rot90, iaa.Affine, iaa.AffineCv2, iaa.PiecewiseAffine,
        iaa.PerspectiveTransform, iaa.ElasticTransformation, iaa.WithPolarWarping, iaa.Jigsaw,
        iaa.CropAndPad, iaa.CropToFixedSize, iaa.PadToFixedSize, iaa.Resize, iaa.KeepSizeByResize,
        iaa.Lambda,
    )  # fmt: skip
    return isinstance(node, movers) or _is_foreign(node)


def _blurs_masks(node: Any, name: str, iaa: Any) -> str | None:
    if isinstance(node, iaa.KeepSizeByResize):
        choice = node.interpolation_segmaps
        if getattr(choice, "value", choice) != "nearest":
            return (
                f"{name} would blur masks or leave them at another size: use "
                "interpolation_segmaps='nearest'."
            )
    return None


def _misaligns(node: Any, name: str, iaa: Any) -> str | None:
    """Tries code that is not imgaug's on random patterns."""
    if not (_is_foreign(node) or _is_own_function(node, iaa)):
        return None
    advice = (
        "implement _augment_batch_ so that it treats batch.images and batch.segmentation_maps "
        f"alike; if it only changes colors or adds noise, pass trust=({name},)."
    )
    return alignment_problem(node, _augment_pattern, advice)


def _is_foreign(node: Any) -> bool:
    return not type(node).__module__.startswith("imgaug.")


def _is_own_function(node: Any, iaa: Any) -> bool:
    checks_only = isinstance(node, (iaa.AssertLambda, iaa.AssertShape))
    functions = getattr(node, "func_images", None) or getattr(node, "func_segmentation_maps", None)
    return isinstance(node, iaa.Lambda) and functions is not None and not checks_only


def _augment_pattern(node: Any, image: Array, pattern: Array, seed: int) -> tuple[Array, Array]:
    from imgaug.augmentables.segmaps import SegmentationMapsOnImage

    node.seed_(seed, deterministic_too=True)
    maps = SegmentationMapsOnImage(pattern[:, :, None], image.shape)
    image, maps = node.augment(image=image, segmentation_maps=maps)
    return image, maps.get_arr()[:, :, 0]
