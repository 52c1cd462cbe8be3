"""The model of an index is found, and its settings are those that it had then."""

from argparse import Namespace

import pytest

from fashion.cli.options import SHIPPED_WEIGHTS
from fashion.retrieval.index_model import model_of_index, settings_of_index
from fashion.retrieval.model_identity import identity_of
from fashion.service.catalogue import Catalogue
from fashion.service.refusals import Refusal


def test_the_model_is_where_it_was_or_among_the_shipped_ones(tmp_path):
    model = identity_of(SHIPPED_WEIGHTS)
    assert model_of_index({"model": model}) == SHIPPED_WEIGHTS.absolute()
    moved = model | {"weights": str(tmp_path / "gone" / "ccp.h5")}
    assert model_of_index({"model": moved}).samefile(SHIPPED_WEIGHTS)
    unknown = moved | {"name": "mine.h5"}
    with pytest.raises(FileNotFoundError, match=r"not there any more\. Say where .*--weights"):
        model_of_index({"model": unknown})
    assert model_of_index({"model": unknown}, SHIPPED_WEIGHTS) == SHIPPED_WEIGHTS.absolute()
    other = moved | {"digest": "1", "source": "1"}
    with pytest.raises(ValueError, match="is another model"):
        model_of_index({"model": other}, SHIPPED_WEIGHTS)


def test_settings_are_those_of_the_index():
    keys = {"set": ["DETECTION_NMS_THRESHOLD=0.4"], "min_score": 0.3}
    expected = {"DETECTION_NMS_THRESHOLD": 0.4, "DETECTION_MIN_CONFIDENCE": 0.3}
    assert settings_of_index({"keys": keys}) == expected
    keys["attribute_threshold"] = 0.7
    assert settings_of_index({"keys": keys}) == expected | {"ATTRIBUTE_THRESHOLD": 0.7}


def test_a_service_finds_what_an_index_in_a_folder_holds(made):
    from fashion.retrieval.index import GarmentIndex

    with GarmentIndex.open(made) as index:
        served = Catalogue(index)
        assert served.about()["garments"] == 9
        for garment in index.garments():
            found = served.similar(index.vector(garment.id), 3, "any", [])
            assert found[0]["id"] == garment.id and found[0]["similarity"] == pytest.approx(1)
            answer = served.similar_to(garment.id, 5, "same", [], same_image=False)
            images = {match["image"] for match in answer["matches"]}
            assert answer["garment"]["image"] not in images
            assert {match["category"] for match in answer["matches"]} <= {garment.category}
            assert served.thumbnail(garment.id).startswith(b"\xff\xd8")
        everything = served.similar(index.vector(1), 9, "Top", [])  # as a person writes it
        assert all(match["category"] == "top, t-shirt" for match in everything)
        with pytest.raises(Refusal, match="no category 'sock'"):
            served.similar(index.vector(1), 9, "sock", [])
        with pytest.raises(Refusal, match="no garment 99"):
            served.similar_to(99, 5, "same", [], same_image=False)


def test_an_index_that_has_no_vectors_yet_is_not_served(monkeypatch):
    from fashion.commands import serve
    from fashion.retrieval.index import GarmentIndex

    monkeypatch.setattr(GarmentIndex, "open", lambda location: Namespace(meta={"vector": None}))
    with pytest.raises(ValueError, match=r"index i has no vectors yet.*Start it again"):
        serve._opened("i")
