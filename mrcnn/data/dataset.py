"""Dataset: which images and classes there are, and how to read the pixels and masks of an image.

Subclass it as Matterport's: call `add_class` and `add_image`, override `load_mask`, then call
`prepare()`.

    class Balloons(Dataset):
        def load_mask(self, image_id):
            ...
            return masks, class_ids
"""

import logging
from typing import TYPE_CHECKING, Any

import numpy as np

from mrcnn.data.image_io import read_image
from mrcnn.typing import Array, Size

if TYPE_CHECKING:  # it imports OpenCV
    from mrcnn.data.masks.rle import RLEMasks

log = logging.getLogger(__name__)


class Dataset:
    """A list of images and a list of classes, each with an integer id in the order of adding.

    Class 0 is the background. An image's id is its index in `image_info`, an int. Its id in its own
    source (a file name, a COCO number) is `image_info[image_id]["id"]`.

    Args:
        class_map: Ignored, as in Matterport's code: most subclasses write
            `super().__init__(self)`.
    """

    def __init__(self, class_map: Any = None) -> None:
        self.image_info: list[dict[str, Any]] = []
        self.class_info: list[dict[str, Any]] = [{"source": "", "id": 0, "name": "BG"}]
        self.source_class_ids: dict[str, list[int]] = {}
        self._image_ids = np.zeros(0, np.int64)

    # What subclasses fill in

    def add_class(self, source: str, class_id: Any, class_name: str) -> None:
        """Adds a class; adding it again changes nothing.

        Args:
            source: Name of the source, without dots.
            class_id: Id of the class in this source.
            class_name: Name; a list such as "shirt, blouse" is cut at the first comma.

        Raises:
            ValueError: For a source with a dot.
        """
        if "." in source:
            raise ValueError(
                f"A source's name may not contain a dot ('source.id' names a class). Got "
                f"{source!r}; {source.replace('.', '_')!r} works."
            )
        if any(c["source"] == source and c["id"] == class_id for c in self.class_info):
            return
        self.class_info.append({"source": source, "id": class_id, "name": class_name})

    def add_image(self, source: str, image_id: Any, path: Any, **extras: Any) -> None:
        """Adds an image.

        Args:
            source: Name of the source.
            image_id: Id of the image in this source.
            path: Its file, or whatever an own `load_image` reads.
            **extras: Further entries of its `image_info`.
        """
        self.image_info.append({"id": image_id, "source": source, "path": path, **extras})

    def prepare(self, class_map: Any = None) -> None:
        """Numbers classes and images. Call it after the last add_class and add_image.

        Args:
            class_map: Ignored, as in Matterport's code.
        """
        self.num_classes = len(self.class_info)
        self.class_ids = np.arange(self.num_classes)
        self.class_names = [c["name"].split(",")[0] for c in self.class_info]
        self.num_images = len(self.image_info)
        self._image_ids = np.arange(self.num_images)
        self.class_from_source_map = {
            f"{c['source']}.{c['id']}": i for i, c in enumerate(self.class_info)
        }
        self.image_from_source_map = {
            f"{x['source']}.{x['id']}": i for i, x in enumerate(self.image_info)
        }
        self.sources = list(dict.fromkeys(c["source"] for c in self.class_info))
        # The background belongs to every source.
        self.source_class_ids = {source: [0] for source in self.sources}
        for i, c in enumerate(self.class_info[1:], start=1):
            self.source_class_ids[c["source"]].append(i)

    # Ids

    @property
    def image_ids(self) -> Array:
        """`(number of images,)` int64: 0, 1, 2 …, after `prepare()`."""
        return self._image_ids

    def map_source_class_id(self, source_class_id: str) -> int:
        """Returns our class id for that of a source.

        Args:
            source_class_id: "source.id", for instance "coco.12".

        Returns:
            The class id.
        """
        return self.class_from_source_map[source_class_id]

    def get_source_class_id(self, class_id: int, source: str) -> Any:
        """Returns the id that a source gives to a class; the inverse of `map_source_class_id`.

        Args:
            class_id: Our class id.
            source: Name of the source.

        Returns:
            Its id of the class.

        Raises:
            ValueError: If the class is of another source.
        """
        info = self.class_info[class_id]
        if info["source"] != source:
            raise ValueError(
                f"Class {class_id} ({info['name']}) comes from {info['source']!r}, not from "
                f"{source!r}."
            )
        return info["id"]

    def source_image_link(self, image_id: int) -> Any:
        """Returns where an image is to be found.

        Args:
            image_id: Of the image.

        Returns:
            Its path or address.
        """
        return self.image_info[image_id]["path"]

    def image_reference(self, image_id: int) -> str:
        """Describes an image for people. Override it.

        Args:
            image_id: Of the image.

        Returns:
            A line of text.
        """
        return ""

    # What is known about one image

    def load_image(self, image_id: int) -> Array:
        """Reads the pixels as they are stored, whatever the mode of the file.

        Grey, palette, CMYK and 16-bit files are converted, transparency is dropped. An EXIF
        orientation is NOT applied: annotations are drawn on the stored pixels.

        Args:
            image_id: Of the image.

        Returns:
            `(H, W, 3)` uint8, RGB.
        """
        return self.read_photo(image_id)

    def image_hw(self, image_id: int) -> Size | None:
        """Returns the size of `load_image`, if it is known without reading the image.

        Args:
            image_id: Of the image.

        Returns:
            Height and width, or None.
        """
        return None

    def load_image_at_least(self, image_id: int, size_hw: Size) -> Array:
        """Reads an image, reduced if its file allows that, see `mrcnn.data.image_io.read_image`.

        If a subclass overrides `load_image`, this returns that image whole.

        Args:
            image_id: Of the image.
            size_hw: Height and width that the result must have at least.

        Returns:
            `(h, w, 3)` uint8, RGB: the image, or 1/2, 1/4 or 1/8 of it (rounded up).
        """
        if getattr(self.load_image, "__func__", None) is not Dataset.load_image:
            return self.load_image(image_id)
        return self.read_photo(image_id, at_least_hw=size_hw)

    def read_photo(self, image_id: int, at_least_hw: Size | None = None) -> Array:
        """Reads the file behind `load_image` and `load_image_at_least`.

        Override this to check a file before it is read. To draw, change or fetch pixels, override
        `load_image`.

        Args:
            image_id: Of the image.
            at_least_hw: See `mrcnn.data.image_io.read_image`.

        Returns:
            `(h, w, 3)` uint8, RGB.
        """
        return read_image(self.image_info[image_id]["path"], at_least_hw=at_least_hw)

    def load_mask(self, image_id: int) -> tuple[Array, Array]:
        """Loads the objects of an image. Override it; by default images have no objects.

        Args:
            image_id: Of the image.

        Returns:
            masks: `(H, W, N)` bool.
            class_ids: `(N,)` int32, never 0; negated for crowds.
        """
        # Not if a subclass calls super().load_mask for an image without objects.
        if type(self).load_mask is Dataset.load_mask:
            log.warning(
                "%s.load_mask is not overridden: its images have no objects.", type(self).__name__
            )
        return np.zeros((*self.load_image(image_id).shape[:2], 0), bool), np.zeros(0, np.int32)

    def load_instance_fields(self, image_id: int) -> dict[str, Array]:
        """Loads further ground truth of each object. Override it; by default there is none.

        Args:
            image_id: Of the image.

        Returns:
            `{"gt_<name>": (N, ...)}`, rows as in `load_mask`.
        """
        return {}

    def load_objects(self, image_id: int) -> "tuple[Array | RLEMasks, Array, dict[str, Array]]":
        """Loads all ground truth of an image. Override it to return `RLEMasks`.

        Args:
            image_id: Of the image.

        Returns:
            masks: `(H, W, N)` bool, or `RLEMasks`.
            class_ids: See `load_mask`.
            fields: See `load_instance_fields`.

        Raises:
            ValueError: If `load_mask` does not return two results.
        """
        found = self.load_mask(image_id)
        if not isinstance(found, (tuple, list)) or len(found) != 2:
            got = f"{len(found)} results" if isinstance(found, (tuple, list)) else type(found)
            raise ValueError(
                f"load_mask must return two results, masks (height, width, N) and class ids (N,). "
                f"Got {got}."
            )
        masks, class_ids = found
        return masks, class_ids, self.load_instance_fields(image_id)

    @property
    def labels_all_classes(self) -> bool:
        """Whether every class is annotated in every image; otherwise see `active_class_ids`."""
        # The background counts as a source. If there is one other, it labels all classes.
        return len(self.source_class_ids) <= 2

    def active_class_ids(self, image_id: int) -> Array:
        """Returns which classes the source of an image annotates.

        Args:
            image_id: Of the image.

        Returns:
            `(K,)` int32: 1 for annotated classes and the background, else 0.

        Raises:
            ValueError: If the source has no classes.
        """
        source = self.image_info[image_id]["source"]
        if source not in self.source_class_ids:
            raise ValueError(
                f"The source {source!r} of image {self.image_info[image_id]['id']!r} has no "
                f"classes. Give them with add_class({source!r}, ...), then call prepare()."
            )
        active = np.zeros(self.num_classes, np.int32)
        active[self.source_class_ids[source]] = 1
        return active

    def image_class_ids(self, image_id: int) -> Array:
        """Returns the class ids of `load_mask`. Override it to avoid decoding masks.

        Args:
            image_id: Of the image.

        Returns:
            `(N,)` int32.
        """
        return np.asarray(self.load_mask(image_id)[1], np.int32)


def as_uint8_image(image: Any, channels: int = 3, name: str = "The photo") -> Array:
    """Checks an image; converts 0..255 in another dtype, as Keras' img_to_array returns.

    Args:
        image: An array.
        channels: Expected number of channels.
        name: What errors call the image.

    Returns:
        `(h, w, channels)` uint8.

    Raises:
        ValueError: For anything else, fractions of 0..1 among it.
    """
    shape: tuple[int, ...] = getattr(image, "shape", ())
    dtype = getattr(image, "dtype", None)
    if dtype is not None and len(shape) == 3 and shape[2] == channels and min(shape) > 0:
        if dtype == np.uint8:
            return image
        if dtype.kind in "fiu":
            highest = image.max()
            if image.min() >= 0 and (1 < highest <= 255 or highest == 0):
                return np.round(image).astype(np.uint8)
    kind, advice = "", "load_image must return it"
    if channels == 3:
        kind, advice = "RGB, ", "PIL's Image.convert('RGB') makes one"
    if dtype is not None and _is_float_image(image, channels):
        if 0 <= image.min() and image.max() <= 1:
            advice = "multiply fractions by 255"
        elif image.min() < 0:
            advice = (
                "give the image as it was before mold_image or another normalization; "
                "detect_molded takes what mold_inputs makes"
            )
    raise ValueError(
        f"{name} must be an array (height, width, {channels}) of uint8, {kind}or of numbers from 0 "
        f"to 255. Got {dtype or type(image)} {shape or ''}{_value_range(image)}; {advice}."
    )


def _is_float_image(image: Array, channels: int) -> bool:
    has_shape = image.ndim == 3 and image.shape[2] == channels
    return has_shape and image.dtype.kind == "f" and bool(image.size)


def _value_range(image: Any) -> str:
    known = isinstance(image, np.ndarray) and image.size and image.dtype.kind in "fiu"
    return f" from {image.min():g} to {image.max():g}" if known else ""
