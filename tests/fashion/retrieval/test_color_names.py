"""Names of colors: what people call them, and every color of a screen has a name."""

import re
from pathlib import Path

import matplotlib.colors
import pytest
from skimage.color import rgb2lab

from fashion.retrieval.color_names import PALETTE, color_name, lab_of

# The names of CSS, of XKCD's survey (200,000 people), and of some cloths.
CALLED = {
    "black": ["black", "xkcd:almost black", "#111114"],
    "gray": ["gray", "darkgray", "silver", "dimgray", "xkcd:charcoal grey", "xkcd:medium grey"],
    "white": ["white", "snow", "whitesmoke", "xkcd:off white", "ghostwhite"],
    "beige": ["bisque", "wheat", "tan", "burlywood", "antiquewhite"],
    "brown": ["saddlebrown", "sienna", "xkcd:chocolate brown", "xkcd:brown", "xkcd:dark brown"],
    "red": ["red", "crimson", "firebrick", "darkred", "xkcd:scarlet", "maroon"],
    "orange": ["darkorange", "orange", "xkcd:orange", "xkcd:tangerine", "orangered"],
    "yellow": ["gold", "yellow", "xkcd:mustard", "xkcd:sunflower yellow", "xkcd:pale yellow"],
    "olive": ["olive", "darkolivegreen", "xkcd:army green", "xkcd:olive drab", "xkcd:khaki green"],
    "green": ["green", "forestgreen", "seagreen", "xkcd:grass green", "limegreen", "darkgreen"],
    "turquoise": ["turquoise", "teal", "darkcyan", "lightseagreen", "xkcd:aqua"],
    "light blue": ["lightblue", "skyblue", "lightskyblue", "xkcd:sky blue", "xkcd:baby blue"],
    "blue": ["blue", "royalblue", "xkcd:cobalt", "steelblue", "xkcd:denim blue", "dodgerblue"],
    "navy": ["midnightblue", "xkcd:navy", "xkcd:dark navy"],
    "purple": ["purple", "indigo", "rebeccapurple", "xkcd:plum", "mediumpurple"],
    "pink": ["pink", "hotpink", "lightpink", "deeppink", "xkcd:dusty pink", "salmon"],
}


@pytest.mark.parametrize("name", PALETTE)
def test_colors_are_called_what_people_call_them(name):
    colors = {color: matplotlib.colors.to_hex(color) for color in CALLED[name]}
    assert {color: color_name(value) for color, value in colors.items()} == dict.fromkeys(
        colors, name
    )


def test_every_sample_has_its_own_name():
    for name, colors in PALETTE.items():
        assert {color_name(color) for color in colors} == {name}


def test_the_conversion_is_that_of_scikit_image():
    found = lab_of(["#1f6fb4", "#000000", "#0a0b0c"])
    expected = rgb2lab(
        [[31 / 255, 111 / 255, 180 / 255], [0, 0, 0], [10 / 255, 11 / 255, 12 / 255]]
    )
    assert found == pytest.approx(expected, abs=0.01)


@pytest.mark.parametrize("text", ["red", "#12345", "1234567", ""])
def test_other_texts_are_refused(text):
    with pytest.raises(ValueError, match="A color is written #rrggbb"):
        color_name(text)


def test_the_documentation_lists_the_palette():
    text = (Path(__file__).parents[3] / "docs" / "trends.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| ([a-z ]+) \| (`#.*`) \|$", text, re.MULTILINE)
    assert {name: tuple(re.findall("#[0-9a-f]{6}", colors)) for name, colors in rows} == PALETTE
