"""Dataset: which images there are, which classes, and how to read the pixels and masks of one image.

Subclass it as Matterport's: call `add_class` and `add_image`, override `load_mask`, then `prepare()`.
    class Balloons(Dataset):
        def load_mask(self, image_id):
            ...
            return masks, class_ids
"""

import logging

import numpy as np

from mrcnn.data.image_io import read_image

log = logging.getLogger(__name__)


class Dataset:
    """A list of images and a list of classes, each with an integer id given in the order of adding.

    Class 0 is the background. An image's id is its index in `image_info`, an int; the id it has in its own
    source (a file name, a COCO number) is `image_info[image_id]["id"]`.
    """

    def __init__(self, class_map=None):
        # Most Matterport subclasses write super().__init__(self): class_map is accepted, and unused as there.
        self.image_info = []
        self.class_info = [{"source": "", "id": 0, "name": "BG"}]
        self.source_class_ids = {}
        self._image_ids = np.zeros(0, np.int64)

    # What subclasses fill in

    def add_class(self, source, class_id, class_name):
        """Add the class that `source` calls `class_id`; adding it a second time changes nothing."""
        if "." in source:
            raise ValueError(
                f"A source's name may not contain a dot ('source.id' names a class). Got "
                f"{source!r}; {source.replace('.', '_')!r} works."
            )
        if any(c["source"] == source and c["id"] == class_id for c in self.class_info):
            return
        self.class_info.append({"source": source, "id": class_id, "name": class_name})

    def add_image(self, source, image_id, path, **extras):
        """Add the image that `source` calls `image_id`; `extras` are kept in its `image_info`."""
        self.image_info.append({"id": image_id, "source": source, "path": path, **extras})

    def prepare(self, class_map=None):
        """Number classes and images. Call it after the last add_class and add_image, before any use."""
        self.num_classes = len(self.class_info)
        self.class_ids = np.arange(self.num_classes)
        self.class_names = [
            c["name"].split(",")[0] for c in self.class_info
        ]  # "shirt, blouse" -> "shirt"
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
        self.source_class_ids = {
            source: [i for i, c in enumerate(self.class_info) if i == 0 or c["source"] == source]
            for source in self.sources
        }

    # Ids

    @property
    def image_ids(self):
        """(number of images,) int64: 0, 1, 2 …, after `prepare()`."""
        return self._image_ids

    def map_source_class_id(self, source_class_id):
        """The class id of "source.id", for instance "coco.12"."""
        return self.class_from_source_map[source_class_id]

    def get_source_class_id(self, class_id, source):
        """The id that `source` gives to our `class_id`; the way back from `map_source_class_id`."""
        info = self.class_info[class_id]
        if info["source"] != source:
            raise ValueError(
                f"Class {class_id} ({info['name']}) comes from {info['source']!r}, not from "
                f"{source!r}."
            )
        return info["id"]

    def source_image_link(self, image_id):
        """Where the image is to be found: its path or address."""
        return self.image_info[image_id]["path"]

    def image_reference(self, image_id):
        """A line that tells a person which image this is; override it with something more telling."""
        return ""

    # What is known about one image

    def load_image(self, image_id):
        """(H, W, 3) uint8, RGB: the pixels as they are stored, whatever the file's mode.

        Grey, palette, CMYK and 16-bit files are converted, transparency is dropped.
        An EXIF orientation is NOT applied: annotations are drawn on the stored pixels.
        """
        return self.read_photo(image_id)

    def image_hw(self, image_id):
        """(height, width) of `load_image`, where it is known without reading the image, else None."""
        return None

    def load_image_at_least(self, image_id, size_hw):
        """(h, w, 3) uint8, RGB: what `load_image` returns, or the same photo reduced to a half, a quarter or an eighth (rounded up), as
        long as it keeps `size_hw` (height, width) or more. Cheap where photos are large JPEGs, see `mrcnn.data.image_io.read_image`.

        A data set that overrides `load_image` gets its own image, whole.
        """
        if getattr(self.load_image, "__func__", None) is not Dataset.load_image:
            return self.load_image(image_id)
        return self.read_photo(image_id, at_least_hw=size_hw)

    def read_photo(self, image_id, at_least_hw=None):
        """The file behind `load_image` and, reduced, `load_image_at_least`. Override it, and not `load_image`, to check a file before it is
        read; to draw, change or fetch pixels, override `load_image`."""
        return read_image(self.image_info[image_id]["path"], at_least_hw=at_least_hw)

    def load_mask(self, image_id):
        """The objects of one image: masks (H, W, N) bool and class_ids (N,) int32, never 0; a crowd has its class id negated.

        Unless overridden, an image has no objects.
        """
        if (
            type(self).load_mask is Dataset.load_mask
        ):  # and not by way of super(), for an image that has none
            log.warning(
                "%s.load_mask is not overridden: its images have no objects.", type(self).__name__
            )
        return np.zeros((*self.load_image(image_id).shape[:2], 0), bool), np.zeros(0, np.int32)

    def load_instance_fields(self, image_id):
        """More ground truth per object: {"gt_<name>": (N, …)}, rows as in `load_mask`. Default: nothing."""
        return {}

    def load_objects(self, image_id):
        """All ground truth of one image at once: what `load_mask` and `load_instance_fields` return, as a 3-tuple."""
        found = self.load_mask(image_id)
        if not isinstance(found, (tuple, list)) or len(found) != 2:
            got = f"{len(found)} results" if isinstance(found, (tuple, list)) else type(found)
            raise ValueError(
                f"load_mask must return two results, masks (height, width, N) and class ids (N,). "
                f"Got {got}."
            )
        return (*found, self.load_instance_fields(image_id))

    def active_class_ids(self, image_id):
        """(classes,) int32: 1 for the classes that the image's source labels, the background among them."""
        source = self.image_info[image_id]["source"]
        if source not in self.source_class_ids:
            raise ValueError(
                f"The source {source!r} of image {self.image_info[image_id]['id']!r} has no classes. Give them with "
                f"add_class({source!r}, ...), then call prepare()."
            )
        active = np.zeros(self.num_classes, np.int32)
        active[self.source_class_ids[source]] = 1
        return active

    def image_class_ids(self, image_id):
        """(N,) int32: the class ids of `load_mask`. Override it where no mask need be decoded."""
        return np.asarray(self.load_mask(image_id)[1], np.int32)


def as_uint8_image(photo, channels=3, name="The photo"):
    """(h, w, channels) uint8 of an array that is one, or that holds the numbers 0..255 in another type, as Keras' img_to_array returns.

    Raises ValueError for anything else, fractions of 0..1 among it; name: what to call it there.
    """
    shape, dtype = getattr(photo, "shape", ()), getattr(photo, "dtype", None)
    if len(shape) == 3 and shape[2] == channels and min(shape) > 0:
        if dtype == np.uint8:
            return photo
        if (
            dtype.kind in "fiu"
            and photo.min() >= 0
            and (1 < photo.max() <= 255 or photo.max() == 0)
        ):
            return np.round(photo).astype(np.uint8)
    kind, help = (
        ("RGB, ", "PIL's Image.convert('RGB') makes one")
        if channels == 3
        else ("", "load_image must return it")
    )
    if (
        len(shape) == 3
        and shape[2] == channels
        and dtype is not None
        and dtype.kind == "f"
        and photo.size
    ):
        if 0 <= photo.min() and photo.max() <= 1:
            help = "multiply fractions by 255"
        elif photo.min() < 0:
            help = "give the image as it was before mold_image or another normalisation; detect_molded takes what mold_inputs makes"
    raise ValueError(
        f"{name} must be an array (height, width, {channels}) of uint8, {kind}or of numbers from 0 to 255. Got "
        f"{dtype or type(photo)} {shape or ''}{_span(photo)}; {help}."
    )


def _span(photo):
    known = isinstance(photo, np.ndarray) and photo.size and photo.dtype.kind in "fiu"
    return f" from {photo.min():g} to {photo.max():g}" if known else ""
