"""The chapter of images: their sizes and aspects, and how much is in them."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from fashion.exploration.figures import count_bars, histograms, size_figure
from fashion.pages.html import Page
from fashion.pages.text import count, percent


def add_chapter(page: Page, analysis: Mapping[str, Any]) -> None:
    """Adds the chapter.

    Args:
        page: The page so far.
        analysis: From `analysis.analyse`.
    """
    sizes, per_image = analysis["sizes"], analysis["per_photo"]
    page.chapter("Images")
    page.text(_sizes(sizes))
    page.figure(
        size_figure(sizes),
        _size_caption(sizes),
    )
    page.text(_aspects(sizes))
    page.figure(
        histograms(
            [
                (sizes["megapixels"], "megapixels", "images"),
                (sizes["aspect"], "height / width", "images"),
            ]
        ),
        "Outliers are clipped into the first and last bin.",
    )
    page.text(_contents(per_image))
    page.figure(
        count_bars(
            [
                (per_image["objects"], "objects in an image", "images"),
                (per_image["classes"], "different classes in an image", "images"),
            ]
        )
    )


def _size_caption(sizes: Mapping[str, Any]) -> str:
    text = f"Images by size, in steps of {sizes['step']} pixels."
    for place, name in enumerate(("width", "height")):
        if len({cell[place] for cell in sizes["grid"]}) == 1 < len(sizes["grid"]):
            return f"{text} All have about the same {name}."
    return f"{text} Larger and darker dots: more images."


def _sizes(sizes: Mapping[str, Any]) -> str:
    low, _, median, _, high = sizes["megapixels"]["quantiles"]
    common = sizes["commonest"]
    total = sum(cell[2] for cell in sizes["grid"])
    return (
        f"The median image has {median:.2g} megapixels; 90 % have {low:.2g} to {high:.2g}. The "
        f"most common of {count(sizes['different'], 'size')} is {common['width']} x "
        f"{common['height']} ({percent(common['photos'] / total)})."
    )


def _aspects(sizes: Mapping[str, Any]) -> str:
    low, _, median, _, high = sizes["aspect"]["quantiles"]
    return (
        f"{percent(sizes['upright'])} of the images are higher than wide. The median height / "
        f"width is {median:.2f}; 90 % are between {low:.2f} and {high:.2f}."
    )


def _contents(per_image: Mapping[str, Sequence[int]]) -> str:
    objects, classes = per_image["objects"], per_image["classes"]
    return (
        f"The median image has {count(_median(objects), 'object')} of "
        f"{count(_median(classes), 'class', 'different classes')}; the maximum is "
        f"{count(len(objects) - 1, 'object')}. {percent(sum(objects[1:2]) / sum(objects))} "
        "of the images have a single object."
    )


def _median(counts: Sequence[int]) -> int:
    """Median of whole numbers, given how often each of 0, 1, 2, … occurs."""
    return int(np.searchsorted(np.cumsum(counts), sum(counts) / 2))
