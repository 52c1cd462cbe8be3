"""Placement: where a photo lies on the canvas of the network input, and the way there and back."""

from dataclasses import dataclass, field

import cv2
import numpy as np

from mrcnn.ops.pixel_convention import ALIGNED, PixelConvention

# The pyramid halves the image six times.
CANVAS_MULTIPLE = 64
# Pixels that a photo is enlarged to at most: a strip of 1 x 65,000 would become 128 x 8,320,000 for
# a side of 128. As float32 these are 400 MB, and 5,800 x 5,800 is far beyond what a network is run
# on. A photo that is larger by itself may stay so.
MAX_ENLARGED = 2**25


@dataclass(frozen=True)
class Placement:
    """A photo of `original_hw`, scaled to `size_hw`, its top left corner at `corner` (y, x) of a canvas of `canvas_hw`. Pixels.

    The corner may lie outside the canvas and the scaled photo may reach beyond it: then the canvas shows a part of the photo.
    scale: the factor that was asked for; `size_hw` is that in whole pixels.
    """

    original_hw: tuple
    size_hw: tuple
    corner: tuple
    canvas_hw: tuple
    scale: float = field(default=1, compare=False)

    @classmethod
    def from_padding(cls, original_hw, scale, padding, crop=None):
        """The placement that Matterport's `resize_image` describes by its scale, padding ((top, bottom), (left, right), ...) and
        crop (y, x, height, width) of the scaled photo; with a crop, the padding does not count."""
        size = tuple(int(round(n * scale)) for n in original_hw)
        if crop is not None:
            y, x, height, width = (int(n) for n in crop)
            return cls(tuple(original_hw), size, (-y, -x), (height, width), scale)
        (top, bottom), (left, right) = ((int(before), int(after)) for before, after in padding[:2])
        return cls(
            tuple(original_hw),
            size,
            (top, left),
            (size[0] + top + bottom, size[1] + left + right),
            scale,
        )

    @property
    def window(self):
        """(4,) float32 yxyx: the part of the canvas that the photo covers."""
        return np.array(self._on_canvas(), np.float32)

    @property
    def padding(self):
        """((top, bottom), (left, right)): the black bars around the photo, pixels."""
        y1, x1, y2, x2 = self._on_canvas()
        return (y1, self.canvas_hw[0] - y2), (x1, self.canvas_hw[1] - x2)

    @property
    def crop(self):
        """(y, x, height, width): the part of the scaled photo that is on the canvas, pixels."""
        y1, x1, y2, x2 = self._on_canvas()
        return y1 - self.corner[0], x1 - self.corner[1], y2 - y1, x2 - x1

    def image(self, photo, resample=None):
        """(h, w, C) uint8 photo, or a reduced copy of it -> (H, W, C) uint8 canvas, black around the photo.

        resample: callable (picture, (height, width)) -> picture of that size, its values cut to the photo's type; default: the mean
        of the pixels where the photo shrinks, bilinear where it grows.
        """
        canvas = np.zeros((*self.canvas_hw, *photo.shape[2:]), photo.dtype)
        self._paint(canvas, photo, resample or ALIGNED.resample)
        return canvas

    def mask(self, mask):
        """(h, w) mask of the photo, of which all but 0 is the object -> (H, W) bool mask of the canvas."""
        canvas = np.zeros(self.canvas_hw, np.uint8)
        self._paint(canvas, mask.astype(bool, copy=False).view(np.uint8), _nearest)
        return canvas.astype(bool)

    def shown(self):
        """(rows, columns): which row of the photo each row of `window` shows in a mask, and which column; ascending int64 arrays."""
        y1, x1, y2, x2 = self._on_canvas()
        rows, columns = (
            _nearest(np.arange(n, dtype=np.int32)[:, None], (size, 1)).ravel().astype(np.int64)
            if n != size
            else np.arange(n)
            for n, size in zip(self.original_hw, self.size_hw, strict=True)
        )
        return rows[y1 - self.corner[0] : y2 - self.corner[0]], columns[
            x1 - self.corner[1] : x2 - self.corner[1]
        ]

    def window_offsets(self):
        """(rows (h + 1,), columns (w + 1,)) int64: how many rows of `window` show one of the photo's first 0, 1, 2 … rows, and how many
        columns one of its first columns. Rows a to b of the photo, b outside, become rows[a] to rows[b] of the window."""
        return tuple(
            np.searchsorted(shown, np.arange(n + 1))
            for shown, n in zip(self.shown(), self.original_hw, strict=True)
        )

    def scaled(self, factor, rng):
        """This placement with the photo `factor` times as large on the same canvas: at a random place of it, or cut out at random where
        it is larger than the canvas."""
        size = tuple(max(1, round(n * factor)) for n in self.size_hw)
        free = [limit - n for n, limit in zip(size, self.canvas_hw, strict=True)]
        corner = tuple(int(rng.integers(min(n, 0), max(n, 0) + 1)) for n in free)
        return Placement(self.original_hw, size, corner, self.canvas_hw, self.scale * factor)

    def boxes_to_original(self, boxes, convention: PixelConvention = ALIGNED):
        """(N, 4) yxyx on the canvas -> (N, 4) float32 yxyx on the photo, clipped to it.

        convention: see `PixelConvention.box_to_image`. The two differ by |factor - 1| pixels of the photo at most, where factor is
        that from `size_hw` to `original_hw`.
        """
        h, w = self.original_hw
        on_photo = convention.box_to_image(
            boxes, corner=self.corner, scaled_hw=self.size_hw, image_hw=self.original_hw
        )
        return np.clip(on_photo, 0, np.array([h, w, h, w], np.float32))

    def _paint(self, canvas, picture, resample):
        (y, x), (y1, x1, y2, x2) = self.corner, self._on_canvas()
        if tuple(self.size_hw) != picture.shape[:2]:
            picture = resample(picture, self.size_hw).reshape(
                *self.size_hw, *picture.shape[2:]
            )  # OpenCV drops a single channel
        canvas[y1:y2, x1:x2] = picture[y1 - y : y2 - y, x1 - x : x2 - x]

    def _on_canvas(self):
        """y1, x1, y2, x2 of the scaled photo, cut to the canvas."""
        low = [
            min(max(at, 0), limit) for at, limit in zip(self.corner, self.canvas_hw, strict=True)
        ]
        high = [
            min(max(at + n, 0), limit)
            for at, n, limit in zip(self.corner, self.size_hw, self.canvas_hw, strict=True)
        ]
        return *low, *high


def make_placement(original_hw, canvas_hw=None, mode="square", *, min_dim=0, min_scale=0, rng=None):
    """How to lay a photo of `original_hw` on a canvas, its proportions kept.

    canvas_hw: (height, width) of the canvas, for modes that do not choose their own
    mode: "square" shrinks a photo that is too large for the canvas and enlarges a small one only until its short side is `min_dim`
        or by the factor `min_scale` (Matterport's rule), centred; "portrait" always fills the canvas; "none" leaves the photo as it
        is and, given a canvas, wants a photo of exactly that size. Two modes make their own canvas: "pad64" enlarges like "square"
        and centres the photo on sides of the next multiple of 64; "crop" enlarges likewise and cuts out min_dim x min_dim.
    rng: np.random.Generator that draws where to crop; None crops the centre.
    Raises ValueError for a photo or settings that the mode cannot serve.
    """
    h, w = original_hw
    if mode == "none":
        if canvas_hw is not None and tuple(original_hw) != tuple(canvas_hw):
            raise ValueError(
                f"IMAGE_RESIZE_MODE 'none' takes photos of exactly {tuple(canvas_hw)} (height, width). Got {h} x {w}; "
                "use 'square'."
            )
        return Placement((h, w), (h, w), (0, 0), (h, w))
    scale = max(1, min_dim / min(h, w), min_scale)
    if mode == "pad64":
        return _place_padded((h, w), scale, min_dim)
    if mode == "crop":
        return _place_cropped((h, w), scale, min_dim, rng)
    if mode not in ("square", "portrait"):
        raise ValueError(
            f"A resize mode is one of 'none', 'square', 'pad64', 'crop', 'portrait'. Got {mode!r}."
        )
    if canvas_hw is None:
        raise ValueError(
            f"Mode {mode!r} lays photos on a canvas of fixed size, and none was given. Say how large it is (IMAGE_MAX_DIM, "
            "max_dim), or use 'pad64' or 'none'."
        )
    # Compared after rounding, as Matterport does: a long side that rounds to the canvas' fits it.
    if mode == "portrait" or any(
        round(n * scale) > limit for n, limit in zip((h, w), canvas_hw, strict=True)
    ):
        scale = min(canvas_hw[0] / h, canvas_hw[1] / w)
    size = tuple(
        min(limit, max(1, round(n * scale))) for n, limit in zip((h, w), canvas_hw, strict=True)
    )
    return Placement((h, w), size, _centred(size, canvas_hw), tuple(canvas_hw), scale)


def _place_padded(original_hw, scale, min_dim):
    if min_dim % CANVAS_MULTIPLE:
        low = min_dim // CANVAS_MULTIPLE * CANVAS_MULTIPLE
        raise ValueError(
            f"Mode 'pad64' wants a smallest side (IMAGE_MIN_DIM, min_dim) that is a multiple of {CANVAS_MULTIPLE}. Got "
            f"{min_dim}; the nearest that work are {low} and {low + CANVAS_MULTIPLE}."
        )
    size = _enlarged(original_hw, scale, "pad64")
    canvas = tuple(-(-n // CANVAS_MULTIPLE) * CANVAS_MULTIPLE for n in size)
    return Placement(original_hw, size, _centred(size, canvas), canvas, scale)


def _place_cropped(original_hw, scale, min_dim, rng):
    if not min_dim:
        raise ValueError(
            "Mode 'crop' cuts out a square of IMAGE_MIN_DIM (min_dim) pixels. Got none; set it."
        )
    size = _enlarged(original_hw, scale, "crop")
    slack = [n - min_dim for n in size]
    offset = (
        [int(rng.integers(n + 1)) for n in slack] if rng is not None else [n // 2 for n in slack]
    )
    return Placement(original_hw, size, tuple(-n for n in offset), (min_dim, min_dim), scale)


def _enlarged(original_hw, scale, mode):
    """(height, width) of the scaled photo. Raises ValueError for one so long and thin that it would
    take gigabytes."""
    size = tuple(round(n * scale) for n in original_hw)
    if scale > 1 and size[0] * size[1] > MAX_ENLARGED:
        raise ValueError(
            f"A photo of {original_hw[0]} x {original_hw[1]} pixels (height x width) would "
            f"be enlarged to {size[0]:,} x {size[1]:,} "
            f"in IMAGE_RESIZE_MODE {mode!r}, by IMAGE_MIN_DIM or IMAGE_MIN_SCALE; "
            f"{MAX_ENLARGED / 1e6:.0f} million pixels are "
            "the most. Leave it out, or use 'square', which makes it fit."
        )
    return size


def _centred(size_hw, canvas_hw):
    return tuple((limit - n) // 2 for n, limit in zip(size_hw, canvas_hw, strict=True))


def placement_for(config, original_hw, rng=None, jitter=False):
    """`place` with a Config's settings. In the modes "pad64" and "none" the canvas depends on the photo.

    rng: np.random.Generator that draws where mode "crop" cuts; None cuts out the centre. vary: draw a factor of SCALE_JITTER as well, for
    training (large-scale jitter, Ghiasi et al. 2021)
    """
    mode = config.IMAGE_RESIZE_MODE
    if mode == "none" and any(n % CANVAS_MULTIPLE for n in original_hw):
        raise ValueError(
            f"IMAGE_RESIZE_MODE 'none' takes photos whose height and width are multiples of {CANVAS_MULTIPLE} (the pyramid "
            f"halves the image six times). Got {original_hw[0]} x {original_hw[1]}; use 'pad64', which adds a black border, or "
            "'square'."
        )
    canvas_hw = config.image_hw if mode in ("square", "portrait") else None
    placement = make_placement(
        original_hw,
        canvas_hw,
        mode,
        min_dim=config.IMAGE_MIN_DIM,
        min_scale=config.IMAGE_MIN_SCALE,
        rng=rng,
    )
    return (
        placement.scaled(rng.uniform(*config.SCALE_JITTER), rng)
        if jitter and config.SCALE_JITTER
        else placement
    )


def check_placeable(photo_hw, config, name):
    """Refuses a photo that has no place on a canvas, a long strip in some modes.

    Args:
        photo_hw: Height and width.
        config: A Config; its resize mode and sizes are read.
        name: What errors call the photo, for instance its path.

    Raises:
        ValueError: With the name and the reason.
    """
    try:
        placement_for(config, photo_hw)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error


def nearest_on_corners(picture, size_hw):
    """(h, w, ...) -> (*size_hw, ...): nearest neighbour with the centres of the corner pixels on each other.

    That is the grid of scipy.ndimage.zoom(order=0), which Matterport resized masks by. It lies up to half a pixel beside that of
    every other resampling here; for parity only.
    """
    rows, columns = (
        np.minimum(
            np.floor(np.arange(n) * ((cells - 1) / max(n - 1, 1)) + 0.5).astype(np.int64), cells - 1
        )
        for n, cells in zip(size_hw, picture.shape[:2], strict=True)
    )
    return picture[rows][:, columns]


def _nearest(picture, size_hw):
    return cv2.resize(picture, size_hw[::-1], interpolation=cv2.INTER_NEAREST_EXACT)


def normalise(images, mean, std):
    """RGB pixels 0..255 -> float32 network input, (pixel - mean) / std."""
    return (np.asarray(images, np.float32) - mean) / std
