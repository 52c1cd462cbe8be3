"""The page: one file, well-formed, that shows text as it is."""

import base64
import io
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from fashion.pages.html import Bar, Page

VOID = {"meta", "img"}


class Elements(HTMLParser):
    """Every element as (tag, attributes), and whether each start has its end."""

    def __init__(self, text):
        super().__init__()
        self.found, self.texts, self._open = [], [], []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag, attributes):
        self.found.append((tag, dict(attributes)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.found.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)

    def of(self, tag):
        return [attributes for name, attributes in self.found if name == tag]


def a_figure(label="recall"):
    figure = Figure(figsize=(3, 2))
    axes = figure.add_subplot()
    axes.plot([0, 1], [1, 0])
    axes.set_xlabel(label)
    return figure


@pytest.fixture
def full_page():
    page = Page("Scores", "of Sunday")
    page.chapter("First")
    page.section("A part")
    page.text("One sentence.", "Another one.")
    page.note("Small print.")
    page.cards([("0.5", "AP", "Half of it."), ("7", "photos", "So many.")])
    page.table([["name", "AP"], ["shirt", 0.5], ["shoe", 0.25]])
    page.figure(a_figure(), "A falling line.")
    page.figure(a_figure("score"), "Another.")
    page.image(np.full((8, 12, 3), 200, np.uint8), "A grey field.")
    page.chapter("Second")
    return page


def test_everything_that_is_opened_is_closed(full_page):
    assert {"h1", "h2", "h3", "p", "table", "figure", "svg", "img"} <= {
        tag for tag, _ in Elements(str(full_page)).found
    }


def test_nothing_is_fetched_from_anywhere(full_page):
    links = [
        value
        for _, attributes in Elements(str(full_page)).found
        for key, value in attributes.items()
        if key in ("src", "href", "xlink:href", "srcset")
    ]
    assert links and all(link.startswith(("#", "data:")) for link in links)
    assert not re.search(r"@import|url\((?!#)", str(full_page))


def test_text_is_text():
    page = Page("<b>", "a & b")
    page.chapter("<script>")
    page.text("1 < 2")
    page.cards([("<1>", "<2>", "<3>")])
    page.table([["<x>"], ["<y>"]])
    page.image(np.zeros((2, 2, 3), np.uint8), '"quoted" <caption>')
    elements = Elements(str(page))
    assert {
        "<b>",
        "a & b",
        "<script>",
        "1 < 2",
        "<1>",
        "<2>",
        "<3>",
        "<x>",
        "<y>",
        '"quoted" <caption>',
    } <= set(elements.texts)
    assert len(elements.of("script")) == 1  # our own
    assert elements.of("img")[0]["alt"] == '"quoted" <caption>'


def test_the_list_at_the_top_leads_to_the_chapters(full_page):
    elements = Elements(str(full_page))
    assert [a["href"] for a in elements.of("a")] == ["#c1", "#c2"]
    assert [h["id"] for h in elements.of("h2")] == ["c1", "c2"]


def test_an_id_occurs_once(full_page):
    """Two figures on a page must not share ids, except for definitions that are equal."""
    ids = [
        attributes["id"]
        for tag, attributes in Elements(str(full_page)).found
        if "id" in attributes and tag not in ("path", "clippath")
    ]
    assert len(ids) == len(set(ids)) > 0


def test_columns_of_numbers_go_to_the_right():
    page = Page("x")
    page.table(
        [["name", "AP", "objects", "empty"], ["1st", 0.5, "1,200", ""], ["2nd", "–", 3, "–"]]
    )
    assert [cell.get("class") for cell in Elements(str(page)).of("td")] == [
        None,
        "number",
        "number",
        "number",
    ] * 2
    page = Page("x")
    page.table([["only a heading", "AP"]])
    assert [cell.get("class") for cell in Elements(str(page)).of("th")] == [None, None]


def test_long_words_may_break_and_long_tables_scroll():
    page = Page("x")
    page.table([["n", "meaning"], ["a", "m" * 40], ["b", "m" * 30]])
    page.table([["n"]] + [["a"]] * 100)
    elements = Elements(str(page))
    assert [cell.get("class") for cell in elements.of("td")][:4] == [None, "long", None, None]
    assert [box["class"] for box in elements.of("div")] == ["scroll", "scroll tall"]


def test_a_row_must_fit_its_heading():
    with pytest.raises(ValueError):
        Page("x").table([["a", "b"], ["c", "d"], ["only one"]])


def test_the_text_of_a_figure_stays_text_and_its_caption_stands_for_it():
    page = Page("x")
    page.figure(a_figure("how many < were found"), "Found & lost.")
    elements = Elements(str(page))
    assert any("how many < were found" in text for text in elements.texts)
    assert elements.of("svg")[0]["aria-label"] == "Found & lost."


def test_the_same_content_is_the_same_file(full_page):
    again = Page("x")
    again.figure(a_figure(), "A falling line.")
    twice = Page("x")
    twice.figure(a_figure(), "A falling line.")
    assert str(again) == str(twice)


def test_a_picture_comes_back():
    page = Page("x")
    page.image(np.full((8, 12, 3), (200, 100, 50), np.uint8), "An orange field.")
    image = Elements(str(page)).of("img")[0]
    assert (image["width"], image["height"]) == ("12", "8")
    pixels = np.asarray(
        Image.open(io.BytesIO(base64.b64decode(image["src"].partition("base64,")[2])))
    )
    assert pixels.shape == (8, 12, 3) and np.abs(pixels.astype(int) - (200, 100, 50)).max() <= 3


def test_a_page_is_written_as_it_is(full_page, tmp_path):
    full_page.write(tmp_path / "made" / "index.html")
    assert (tmp_path / "made" / "index.html").read_text(encoding="utf-8") == str(full_page)


def test_a_line_to_copy_is_text():
    page = Page("Title")
    page.code("--set A=[1,2] <x>")
    assert "<pre>--set A=[1,2] &lt;x&gt;</pre>" in str(page)
    assert re.search(r"pre \{[^}]*white-space: pre-wrap", str(page))  # whole on a narrow screen


def test_a_wide_picture_is_marked_for_small_screens():
    page = Page("Title")
    page.image(np.zeros((4, 5, 3), np.uint8), "one")
    page.image(np.zeros((4, 5, 3), np.uint8), "two", wide=True)
    pictures = [attributes for tag, attributes in Elements(str(page)).found if tag == "img"]
    assert [picture.get("class") for picture in pictures] == [None, "wide"]


def test_a_number_and_its_per_cent_stay_on_one_line():
    page = Page("Title")
    page.text("It is 5 % of all.")
    assert "It is 5\N{NO-BREAK SPACE}% of all." in Elements(str(page)).texts


def test_the_pages_of_a_site_link_to_each_other():
    page = Page(
        "Errors", site={"index.html": "Overview", "errors.html": "Errors"}, here="errors.html"
    )
    links = Elements(str(page)).of("a")
    assert [link["href"] for link in links] == ["index.html", "errors.html"]
    assert [link.get("aria-current") for link in links] == [None, "page"]


def test_the_numbers_of_bars_stand_in_columns_of_their_own():
    """Beside a dot, the number of the bar would be read as that of the dot."""
    page = Page("x")
    page.bars([Bar("hat", 0.25, "0.250", 0.5, "0.500"), Bar("tie", -1, "–")], ("", "AP", "AP50"))
    elements = Elements(str(page))
    values = [text for text in elements.texts if text in ("0.250", "0.500", "–")]
    assert values == ["0.250", "0.500", "–"]
    assert [mark["style"] for mark in elements.of("i")] == ["width:25.00%", "width:0.00%"]
    assert [mark["style"] for mark in elements.of("u")] == ["left:50.00%"]


def test_facts_without_a_value_are_left_out():
    page = Page("x")
    page.facts([("Data", "<ccp>"), ("Recipe", "")])
    assert "<dl><dt>Data</dt><dd>&lt;ccp&gt;</dd></dl>" in str(page)


def test_a_folded_table_and_a_gallery_are_closed():
    page = Page("x")
    page.folded_table("All settings", [["name", "value"], ["SEED", 7]])
    page.gallery([(np.zeros((4, 5, 3), np.uint8), "one"), (np.zeros((4, 5, 3), np.uint8), "two")])
    page.link("Scores", "scores.html")
    elements = Elements(str(page))
    assert len(elements.of("details")) == 1 and len(elements.of("img")) == 2
    assert elements.of("a")[-1]["href"] == "scores.html"


def test_pages_have_a_dark_mode_and_say_where_they_scroll(full_page):
    assert "prefers-color-scheme: dark" in str(full_page)
    charts = [box for box in Elements(str(full_page)).of("div") if box.get("class") == "chart"]
    assert len(charts) == 2 and "Scroll sideways" in str(full_page)
