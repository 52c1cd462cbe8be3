"""Figures keep Matterport's signature, work without a screen, and show every curve."""

import inspect
import logging
import time

import matplotlib
import numpy as np
import pytest
from matplotlib import pyplot as plt

from mrcnn.drawing.figures import (
    display_images,
    display_instances,
    display_top_masks,
    new_axes,
    on_screen,
    show,
    text_size_on,
    wrapped,
)

IMAGE = np.full((60, 40, 3), 100, np.uint8)


def instances():
    masks = np.zeros((60, 40, 2), np.uint8)
    masks[10:30, 5:25, 0] = 1
    masks[35:55, 5:35, 1] = 1
    return (
        np.array([(10, 5, 30, 25), (35, 5, 55, 35)]),
        masks,
        np.array([1, 2]),
        ["BG", "coat", "shoe"],
    )


def test_the_signature_is_matterports():
    listed = inspect.signature(display_instances).parameters.values()
    untyped = inspect.Signature([p.replace(annotation=p.empty) for p in listed])
    assert str(untyped) == (
        "(image, boxes, masks, class_ids, class_names, scores=None, title='', figsize=(16, 16), "
        "ax=None, show_mask=True, show_bbox=True, colors=None, captions=None, *, "
        "show_mask_polygon=True, show_caption=True, save_fig_path=None, filter_classes=None, "
        "min_score=None)"
    )


@pytest.mark.filterwarnings("error")
def test_without_axes_a_figure_is_left_open_for_saving():
    display_instances(IMAGE, *instances(), scores=np.array([0.9, 0.8]), title="two", figsize=(3, 3))
    assert plt.gcf().axes[0].get_title() == "two"


def test_axes_keep_the_pixels_of_the_image():
    axes = plt.subplots()[1]
    display_instances(IMAGE, *instances(), ax=axes)
    assert axes.get_xlim() == (-0.5, 39.5) and axes.get_ylim() == (59.5, -0.5)


def test_no_instances_are_said_in_the_log(caplog):
    with caplog.at_level(logging.WARNING):
        display_instances(
            IMAGE, np.zeros((0, 4), int), np.zeros((60, 40, 0)), np.zeros(0, int), ["BG"]
        )
    assert "No instances to display" in caplog.text
    assert len(plt.gcf().axes[0].images) == 1


def shown(*arguments, **options):
    axes = plt.subplots()[1]
    display_instances(*arguments, ax=axes, **options)
    return axes.images[0].get_array()


def test_padding_is_not_drawn():
    boxes, masks, class_ids, names = instances()
    padded = shown(
        IMAGE,
        np.concatenate([boxes, np.zeros((3, 4), int)]),
        np.concatenate([masks, np.zeros((60, 40, 3), np.uint8)], -1),
        np.append(class_ids, [0, 0, 0]),
        names,
    )
    np.testing.assert_array_equal(padded, shown(IMAGE, boxes, masks, class_ids, names))


def test_masks_and_boxes_can_be_left_out():
    plain = shown(
        IMAGE,
        *instances(),
        show_mask=False,
        show_mask_polygon=False,
        show_bbox=False,
        captions=["", ""],
    )
    assert (plain == 100).all()


def test_without_masks_their_outlines_stay():
    outlines = shown(IMAGE, *instances(), show_mask=False, show_bbox=False, show_caption=False)
    inside, edge = (
        outlines[20 * 17, 15 * 17],
        outlines[20 * 17, 4 * 17 : 6 * 17],
    )  # 17 times as large
    assert (inside == 100).all() and (edge != 100).any()


@pytest.mark.parametrize("masks", [None, np.zeros((60, 40, 2), bool)])
def test_masks_may_be_absent_or_empty(masks):
    boxes, _, class_ids, names = instances()
    shown(IMAGE, boxes, masks, class_ids, names)


@pytest.mark.parametrize("dtype", [bool, np.float32, np.int64])
def test_masks_of_every_type_give_one_picture(dtype):
    boxes, masks, class_ids, names = instances()
    np.testing.assert_array_equal(
        shown(IMAGE, boxes, masks.astype(dtype), class_ids, names), shown(IMAGE, *instances())
    )


@pytest.mark.parametrize(
    "options",
    [
        {"filter_classes": ["shoe"]},
        {"filter_classes": [2]},
        {"filter_classes": "shoe"},
        {"filter_classes": np.array([2])},
        {"min_score": 0.9},
    ],
    ids=str,
)
def test_filters_leave_instances_out(options):
    boxes, masks, class_ids, names = instances()
    scores, colors = np.array([0.5, 0.95]), [(1.0, 0, 0), (0, 1.0, 0)]
    only = shown(
        IMAGE, boxes[1:], masks[..., 1:], class_ids[1:], names, scores[1:], colors=colors[1:]
    )
    np.testing.assert_array_equal(
        shown(IMAGE, *instances(), scores, colors=colors, **options), only
    )


def test_everything_may_be_filtered_out():
    assert (shown(IMAGE, *instances(), np.array([0.1, 0.2]), min_score=0.5) == 100).all()


def test_a_saved_figure_that_nobody_sees_is_closed(tmp_path):
    display_instances(IMAGE, *instances(), figsize=(3, 3), save_fig_path=tmp_path / "a.png")
    assert (tmp_path / "a.png").stat().st_size > 1000 and plt.get_fignums() == []


def test_axes_of_the_caller_stay_open_when_saved(tmp_path, axes):
    display_instances(IMAGE, *instances(), ax=axes, save_fig_path=tmp_path / "a.png")
    assert len(plt.get_fignums()) == 1


@pytest.mark.parametrize(
    "image", [IMAGE[..., 0], IMAGE / 255, IMAGE.astype(np.int64)], ids=["grey", "floats", "int64"]
)
def test_images_of_every_kind_are_shown(image):
    np.testing.assert_array_equal(shown(image, *instances()), shown(IMAGE, *instances()))


def test_mini_masks_are_refused_with_the_way_out():
    boxes, masks, class_ids, names = instances()
    with pytest.raises(ValueError, match="use_mini_mask=False"):
        shown(IMAGE, boxes, masks[:28, :28], class_ids, names)


@pytest.mark.parametrize("name", ["scores", "colors", "captions"])
def test_what_is_missing_for_an_instance_is_named(name):
    with pytest.raises(ValueError, match=f"entry in {name}. Got 1 for 2"):
        shown(IMAGE, *instances(), **{name: [(1, 0, 0)]})


def test_axes_of_a_subfigure_draw_and_save(tmp_path):
    display_instances(
        IMAGE,
        *instances(),
        ax=plt.figure().subfigures().subplots(),
        save_fig_path=tmp_path / "a.png",
    )


def test_fifty_instances_of_a_large_image_are_drawn_quickly():
    boxes = np.array(
        [(y, x, y + 120, x + 90) for y in range(0, 900, 200) for x in range(0, 900, 90)]
    )
    masks = np.zeros((1024, 1024, 50), bool)
    for i, (y1, x1, y2, x2) in enumerate(boxes):
        masks[y1:y2, x1:x2, i] = True
    start = time.process_time()
    shown(
        np.zeros((1024, 1024, 3), np.uint8),
        boxes,
        masks,
        np.ones(50, int),
        ["BG", "coat"],
        np.linspace(1, 0.5, 50),
    )
    assert time.process_time() - start < 4  # 0.4 on two idle cores


def test_a_missing_mask_is_named():
    boxes, masks, class_ids, names = instances()
    with pytest.raises(ValueError, match="Every box needs"):
        display_instances(IMAGE, boxes, masks[..., :1], class_ids, names)


def test_images_are_shown_side_by_side():
    display_images([IMAGE, IMAGE[..., 0]], titles=["a", "b"], cols=2, cmap="gray")
    assert [axes.get_title() for axes in plt.gcf().axes] == ["a", "b"]


def test_images_of_every_kind_lie_in_rows_without_an_empty_one():
    display_images(np.stack([IMAGE / 255.0] * 4), cols=2)
    assert {axes.get_subplotspec().get_gridspec().get_geometry() for axes in plt.gcf().axes} == {
        (2, 2)
    }


def test_a_long_title_is_broken_to_the_width_of_its_image():
    display_images(
        [IMAGE] * 5,
        titles=["a long title, of many words, that would run into the title beside it"] * 5,
        cols=5,
    )
    assert "\n" in plt.gcf().axes[0].get_title()


def test_no_images_are_said_in_the_log(caplog):
    display_images([])
    assert "No images" in caplog.text


GREY_IMAGE = np.full((20, 30, 3), 100, np.uint8)
NAMES = ["BG", "circle", "square", "triangle"]


def masks():
    """circle: 4 + 5 pixels; square: 8; triangle: none."""
    masks = np.zeros((20, 30, 4), bool)
    masks[:2, :2, 0] = masks[4:6, :4, 1] = masks[10, :5, 2] = True
    return masks, np.array([1, 2, 1, 3])


def panels():
    return [axes.images[0].get_array() for axes in plt.gcf().axes]


def titles():
    return [axes.get_title() for axes in plt.gcf().axes]


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.float32])
def test_the_largest_class_comes_first(dtype):
    display_top_masks(GREY_IMAGE, masks()[0].astype(dtype), masks()[1], NAMES)
    assert titles() == ["H x W=20x30", "circle", "square", "-", "-"]


def test_every_instance_has_a_shade_of_its_own():
    display_top_masks(GREY_IMAGE, *masks(), NAMES)
    circle = panels()[1]
    assert 0 < circle[0, 0] < circle[10, 0] == 1 and circle[15, 15] == 0 and (circle > 0).sum() == 9


def test_the_limit_may_be_smaller_than_the_number_of_classes():
    display_top_masks(GREY_IMAGE, *masks(), NAMES, limit=1)
    assert titles() == ["H x W=20x30", "circle"]


def test_the_panels_are_one_row():
    display_top_masks(GREY_IMAGE, *masks(), NAMES)
    assert {axes.get_subplotspec().get_gridspec().get_geometry() for axes in plt.gcf().axes} == {
        (1, 5)
    }


def test_no_instances_leave_empty_panels():
    display_top_masks(GREY_IMAGE, np.zeros((20, 30, 0)), np.zeros(0, np.int64), NAMES)
    assert titles() == ["H x W=20x30", "-", "-", "-", "-"] and not panels()[1].any()


def test_lists_are_welcome():
    display_top_masks(GREY_IMAGE, masks()[0][..., :1], [1], NAMES, limit=1)
    assert titles()[-1] == "circle"


def test_a_missing_class_id_is_named():
    with pytest.raises(ValueError, match="Every mask needs a class id"):
        display_top_masks(GREY_IMAGE, masks()[0], np.array([1]), NAMES)


@pytest.mark.filterwarnings("error")
def test_a_backend_that_writes_files_shows_nothing(monkeypatch):
    monkeypatch.setattr(plt, "show", lambda: pytest.fail("nobody can see it"))
    assert not on_screen()
    show()


def test_a_backend_with_a_window_shows(monkeypatch):
    shown = []
    monkeypatch.setattr(
        matplotlib, "get_backend", lambda: "module://matplotlib_inline.backend_inline"
    )
    monkeypatch.setattr(plt, "show", lambda: shown.append(1))
    show()
    assert shown == [1]


def test_new_axes_are_pyplots_current_ones():
    assert new_axes((3, 2)) is plt.gca()


def test_a_title_is_broken_where_it_is_too_long_and_where_it_says_so():
    assert (
        wrapped("a title of six short words", inches=1, points=9) == "a title of six\nshort words"
    )
    assert wrapped("two\nlines", inches=9, points=9) == "two\nlines"


def test_writing_grows_where_the_axes_are_small():
    large, small, tiny = (
        text_size_on(plt.figure(figsize=(inches, inches)).add_axes([0, 0, 1, 1]), (1000, 720))
        for inches in (16, 4, 0.5)
    )
    assert large == 19  # 0.0225 of the square root of the area
    assert small == round(7 / 72 * 250)  # 7 points at 250 pixels an inch
    assert tiny == 2 * large
