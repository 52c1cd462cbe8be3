"""What goes with what: counts by hand, planted pairs, and neighbors in a tiny catalogue."""

import numpy as np
import pytest

from benchmarks.outfits import MemoryIndex
from fashion.retrieval.garment import Garment
from fashion.retrieval.outfits import Outfits, goes_with, look_of, parts_of


def garment(number, image, category, score=0.9):
    return Garment(number, image, (0.0, 0.0, 1.0, 1.0), category, score, {}, [], None)


def worn(*outfits):
    """Garments of outfits, each a text of categories."""
    garments = []
    for i, names in enumerate(outfits):
        garments += [garment(len(garments) + k, f"{i}", name) for k, name in enumerate(names)]
    return garments


def test_companions_are_counted_once_an_image_and_shrunk():
    outfits = Outfits(worn(*["css"] * 6, *["cb"] * 2, *["s"] * 8))  # coat, shoe, shoe; bag
    assert outfits.categories == ["s", "c", "b"]
    shoe, bag = outfits.companions("c")
    assert (shoe.category, shoe.outfits, bag.category, bag.outfits) == ("s", 6, "b", 2)
    rate = 14.5 / 17  # shoes, with half an outfit more of each kind
    assert shoe.share == pytest.approx((6 + 10 * rate) / (8 + 10))
    assert shoe.lift == pytest.approx(shoe.share / rate)
    assert shoe.lift < 1 < bag.lift
    assert outfits.popularity()["s"] == pytest.approx(rate)
    with pytest.raises(ValueError, match="No outfit .* category 'hat'. It has s, c, b"):
        outfits.companions("hat")


def test_a_pair_that_was_seen_once_proves_little():
    outfits = Outfits(worn("xy", *["s"] * 50))
    first, rare = outfits.companions("x")
    assert first.category == "s" and rare.category == "y"
    assert rare.share < 0.15


def test_what_is_missing_follows_from_presence_and_absence():
    # Pants or a skirt, never both; a belt with pants only.
    outfits = Outfits(worn(*["tpb"] * 20, *["ts"] * 20, *["tp"] * 10))
    assert outfits.missing(["t", "b"])[0][0] == "p"
    order = [name for name, _ in outfits.missing(["t", "s"])]
    assert order == ["p", "b"] and outfits.missing(["t", "s"])[0][1] < 0  # nothing is likely
    # Without a belt there are 20 skirts and 10 pants.
    assert outfits.missing(["t"])[0][0] == "s"
    assert outfits.missing(["t", "unknown"]) == outfits.missing(["t"])
    assert Outfits([]).missing(["t"]) == []


def test_parts_of_garments_are_no_companions():
    labels = {
        "categories": [[0, "coat", "wholebody"], [28, "sleeve", "garment parts"]],
        "attributes": [],
    }
    assert parts_of(labels) == {"sleeve"}
    outfits = Outfits(worn("cs"), leave_out={"s"})
    assert outfits.categories == ["c"] and outfits.companions("c") == []


@pytest.fixture
def catalogue():
    """Forty outfits of a top and shoes: red tops with red shoes, blue ones with blue shoes."""
    garments, vectors = [], []
    generator = np.random.default_rng(0)
    for i in range(40):
        for category, axis in (("top", 0), ("shoe", 2)):
            vector = np.zeros(5)
            vector[axis + i % 2] = 1
            vector += generator.normal(0, 0.05, 5)
            garments.append(garment(len(garments), f"{i}.jpg", category))
            vectors.append(vector / np.linalg.norm(vector))
    return MemoryIndex(garments, np.array(vectors, np.float32))


def test_garments_come_from_outfits_with_similar_garments(catalogue):
    query = catalogue.listed[0]  # a red top
    found = goes_with(catalogue, query, "shoe", 5)
    assert len(found) == 5
    for each in found:
        assert each.garment.category == "shoe" and each.beside.category == "top"
        assert each.garment.image == each.beside.image != query.image
        assert int(each.garment.image.split(".")[0]) % 2 == 0  # red as well
        assert each.similarity > 0.9
    assert [each.score for each in found] == sorted((e.score for e in found), reverse=True)
    assert all(0 <= each.score <= 1 for each in found)


def test_a_vector_and_several_garments_may_be_asked_for(catalogue):
    by_vector = goes_with(catalogue, catalogue.vector(0), "shoe", 3, {"0.jpg"})
    assert [each.garment.id for each in by_vector] == [
        each.garment.id for each in goes_with(catalogue, catalogue.listed[0], "shoe", 3)
    ]
    both = goes_with(catalogue, [catalogue.listed[0], catalogue.listed[4]], "shoe", 50)
    images = {each.garment.image for each in both}
    assert not images & {"0.jpg", "2.jpg"}
    assert len(images) == len(both)


def test_excluded_images_stay_out_and_nothing_is_invented(catalogue):
    few = {f"{i}.jpg" for i in range(38)}
    found = goes_with(catalogue, catalogue.listed[0], "shoe", 10, few)
    assert {each.garment.image for each in found} == {"38.jpg", "39.jpg"}
    assert goes_with(catalogue, catalogue.listed[0], "shoe", 10, few | {"38.jpg", "39.jpg"}) == []
    assert goes_with(catalogue, catalogue.listed[0], "hat") == []


def test_one_of_two_shoes_is_offered():
    garments = [
        garment(0, "q", "top"),
        garment(1, "a", "top"),
        garment(2, "a", "shoe", 0.6),
        garment(3, "a", "shoe", 0.8),
    ]
    index = MemoryIndex(garments, np.eye(4, dtype=np.float32))
    (found,) = goes_with(index, garments[0], "shoe")
    assert found.garment.id == 3


def test_the_category_of_a_vector_may_be_given(catalogue):
    """Without it shoes are similar garments too, here of the other colors."""
    vector = catalogue.vector(0)
    found = goes_with(catalogue, vector, "shoe", 3, {"0.jpg"}, of_category="top")
    assert {each.beside.category for each in found} == {"top"}


def test_popular_looks_come_before_a_look_that_few_similar_garments_have():
    garments, vectors = [], []
    for i in range(30):  # alike tops; one in ten with white shoes
        look = {"white": 0.9} if i % 10 == 0 else {"black": 0.9, "faint": 0.2}
        for k, (category, scores) in enumerate((("top", {}), ("shoe", look))):
            garments.append(
                Garment(len(garments), f"{i}", (0.0,) * 4, category, 0.9, scores, [], None)
            )
            vectors.append(np.eye(2, dtype=np.float32)[k])
    index = MemoryIndex(garments, np.array(vectors))
    found = goes_with(index, garments[0], "shoe", 4, outfits=Outfits(garments))
    looks = [look_of(each.garment) for each in found]
    assert looks == [{"black"}, {"white"}, {"black"}, {"white"}]
    assert found[0].score == pytest.approx(27 / 30, abs=0.05)
    assert sum({look: each.score for look, each in zip(looks, found)}.values()) <= 1
