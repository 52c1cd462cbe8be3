"""Goes with it, on the page and in the JSON file of a search."""

import io
import json

import numpy as np
import pytest
from PIL import Image

from benchmarks.outfits import MemoryIndex
from fashion.pages.html import Page
from fashion.retrieval.garment import Garment
from fashion.retrieval.outfit_advice import OutfitAdvice, add_advice, advice_rows


class Pictured(MemoryIndex):
    """The same with thumbnails and labels."""

    def __init__(self, garments, vectors):
        super().__init__(garments, vectors)
        names = ("top", "shoe", "bag", "sleeve")
        groups = ("upperbody", "feet", "others", "garment parts")
        self.meta = {"labels": {"categories": list(map(list, zip(range(4), names, groups)))}}

    def category_named(self, name):
        if name not in ("top", "shoe", "bag", "hat"):
            raise ValueError(f"no category {name}")
        return name

    def thumbnail(self, garment_id):
        data = io.BytesIO()
        Image.new("RGB", (4, 4)).save(data, "JPEG")
        return data.getvalue()


@pytest.fixture
def index():
    garments, vectors = [], []
    for i in range(12):
        for k, category in enumerate(("top", "sleeve", "shoe", "bag")[: 3 + i % 2]):
            scores = {"black": 0.9, "faint": 0.3}
            garments.append(
                Garment(len(garments), f"{i}.jpg", (0.0,) * 4, category, 0.9, scores, [], None)
            )
            vectors.append(np.eye(4, dtype=np.float32)[k])
    return Pictured(garments, np.array(vectors))


def test_the_likeliest_categories_are_taken_for_any(index):
    advice = OutfitAdvice(index, ["any"], 2).of("top", index.vector(0), "0.jpg")
    assert [each.category for each in advice.companions] == ["shoe", "bag"]  # no sleeve
    assert {name: len(found) for name, found in advice.garments.items()} == {"shoe": 2, "bag": 2}
    assert "0.jpg" not in {each.garment.image for each in advice.garments["shoe"]}


def test_named_categories_are_checked_and_its_own_is_left_out(index):
    advice = OutfitAdvice(index, ["bag", "top", "bag"], 9)
    assert list(advice.of("top", index.vector(0), "").garments) == ["bag"]
    assert list(advice.of("hat", index.vector(0), "").garments) == ["bag", "top"]
    assert advice.of("top", index.vector(0), "").left_out == ["top"]
    assert advice.of("hat", index.vector(0), "").left_out == []
    with pytest.raises(ValueError, match="no category trousers"):
        OutfitAdvice(index, ["trousers"], 9)


def test_the_page_and_the_rows_show_what_stands_beside(index):
    advice = OutfitAdvice(index, ["bag", "hat"], 1).of("top", index.vector(0), "0.jpg")
    page = Page("found")
    add_advice(page, index, "top", advice)
    text = str(page)
    assert "Worn with “top” in the catalogue: shoe 98" in text
    listed = "shoe 98&nbsp;%, 1.0 times as often as in all outfits; bag 50&nbsp;%, 1.0 times."
    assert listed in text
    assert "lift" not in text
    assert "No “hat” is worn with a similar garment." in text
    (row,) = advice_rows(advice)["garments"]["bag"]
    assert f"no. {row['id']} · worn with no. {row['worn_with']} (1.00)" in text
    assert "bag · black · 1.jpg" in text and "faint" not in text
    assert json.loads(json.dumps(advice_rows(advice))) == advice_rows(advice)


def test_the_page_and_the_rows_say_why_its_own_category_is_left_out(index):
    advice = OutfitAdvice(index, ["top", "any"], 1).of("top", index.vector(0), "0.jpg")
    page = Page("found")
    add_advice(page, index, "top", advice)
    assert "No “top” is recommended here: a garment is not recommended with another" in str(page)
    reason = "a garment is not recommended with another one of its own category"
    assert advice_rows(advice)["left_out"] == {"top": reason}


def test_similar_says_that_its_own_category_is_left_out(made, tmp_path, undrawn, capsys):
    pytest.importorskip("faiss", reason="the extra [catalogue] is not installed")
    from fashion.similar import main

    words = ["--garment", "1", "--index", str(made), "--out", str(tmp_path / "x")]
    main([*words, "--goes-with", "any"])
    assert "left out" not in capsys.readouterr().out
    (query,) = json.loads((tmp_path / "x" / "similar.json").read_text())["queries"]
    own = query["garment"]["category"]
    main([*words, "--goes-with", own])
    told = capsys.readouterr().out
    assert (
        f"--goes-with {own.partition(',')[0]}: left out for 1 garment, because a garment is" in told
    )
    (query,) = json.loads((tmp_path / "x" / "similar.json").read_text())["queries"]
    assert list(query["goes_with"]["left_out"]) == [own] and query["goes_with"]["garments"] == {}


def test_similar_writes_what_goes_with_a_garment(made, tmp_path, undrawn):
    pytest.importorskip("faiss", reason="the extra [catalogue] is not installed")
    from fashion.similar import main

    out = main(
        ["--garment", "1", "--index", str(made), "--goes-with", "any", "--out", str(tmp_path / "x")]
    )
    (query,) = json.loads((out / "similar.json").read_text())["queries"]
    own = query["garment"]["category"]
    companions = [row["category"] for row in query["goes_with"]["companions"]]
    assert companions and own not in companions
    assert set(query["goes_with"]["garments"]) == set(companions[:3])
    assert "Goes with it" in (out / "similar.html").read_text()
    main(["--garment", "1", "--index", str(made), "--out", str(tmp_path / "x")])
    assert "Goes with it" not in (out / "similar.html").read_text()
    with pytest.raises(ValueError, match="no category"):
        main(["--garment", "1", "--index", str(made), "--goes-with", "sofa", "--out", str(out)])
