"""Views: boxes and pixels move alike, and there is a way back."""

import numpy as np
import pytest

from mrcnn.data.placement import Placement
from mrcnn.data.resize import make_placement
from mrcnn.inference.views import ONE_VIEW, View, views_of


def test_a_mirrored_box_holds_the_mirrored_pixels():
    """Columns 1 and 2 of 8 are columns 5 and 6 of the mirror image."""
    canvas = np.zeros((4, 8, 3), np.float32)
    canvas[:, 1:3] = 1
    view = View(mirror=True)
    assert np.flatnonzero(view.canvas(canvas)[0, :, 0]).tolist() == [5, 6]
    boxes = np.array([[0, 1, 4, 3]], np.float32)
    assert view.boxes(boxes, 8).tolist() == [[0, 5, 4, 7]]
    assert view.boxes(view.boxes(boxes, 8), 8).tolist() == boxes.tolist()
    np.testing.assert_array_equal(view.masks(view.masks(canvas[..., 0])), canvas[..., 0])


def test_a_scaled_view_centres_the_image_on_a_canvas_of_whole_steps():
    """60 x 40 on 64 x 64, 1.5 times: 90 x 60 on 128 x 128, as 96 is not a multiple of 64."""
    placement = make_placement((60, 40), (64, 64))
    assert View(scale=1.5).place(placement) == Placement((60, 40), (90, 60), (19, 34), (128, 128))
    assert View(mirror=True).place(placement) is placement


@pytest.mark.parametrize(
    ("text", "views"),
    [
        ("", ONE_VIEW),
        ("none", ONE_VIEW),
        ("mirror", (View(), View(True))),
        ("mirror, 1.5x", (View(), View(True), View(False, 1.5), View(True, 1.5))),
        ("2x,1x", (View(), View(False, 2.0))),
    ],
)
def test_views_are_every_size_and_its_mirror_image(text, views):
    assert views_of(text) == views


@pytest.mark.parametrize("text", ["flip", "1.5", "x", "mirror;2x", "90x", "0x"])
def test_other_words_are_told(text):
    with pytest.raises(ValueError, match="mirror|scale"):
        views_of(text)
