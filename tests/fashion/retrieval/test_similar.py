"""The command `similar`: what it searches, its page and its rows."""

import json
import re
import sqlite3
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fashion import similar
from fashion.commands import similar as command
from fashion.formats.model_files import shipped_models
from fashion.retrieval import index_model
from fashion.retrieval.index import GarmentIndex
from fashion.retrieval.schema import connect, write_meta

pytest.importorskip("faiss", reason="the extra [catalogue] is not installed")


@pytest.fixture
def asked(monkeypatch, color_model):
    """The settings that the model of the index is loaded with; its file need not exist."""
    settings = {}

    def load(path, **given):
        settings.update(given, path=path)
        return color_model

    monkeypatch.setattr(command, "load_embedding_model", load)
    monkeypatch.setattr(index_model, "check_made_by", lambda meta, path: Path(path))
    return settings


def search(made, *options):
    out = made.parent / "similar"
    assert similar.main(["--index", str(made), "--out", str(out), *map(str, options)]) == out
    rows = json.loads((out / "similar.json").read_text())
    return rows["queries"], (out / "similar.html").read_text()


def test_each_garment_of_a_photo_is_searched_for(made, photos, asked, tmp_path, draw_image, capsys):
    copy = tmp_path / "copy.png"
    copy.write_bytes((photos / "2.png").read_bytes())
    queries, page = search(made, copy, "--weights", "m.h5")
    with GarmentIndex.open(made) as index:
        own = index.of_image("2.png")
    assert [query["image"] for query in queries] == [str(copy)] * 3
    assert [query["matches"][0]["id"] for query in queries] == [garment.id for garment in own]
    for query, garment in zip(queries, own, strict=True):
        first = query["matches"][0]
        assert first["similarity"] == pytest.approx(1, abs=1e-5) and len(query["matches"]) == 9
        assert first["bbox"] == query["garment"]["bbox"] == [0, garment.box[0], 40, 40]
        assert query["garment"]["category"] == first["category"] == garment.category
    assert page.count("<h2") == 3 and page.count("data:image/jpeg") == 3 + 3 * 9
    assert "27 similar garments for 3 garments" in capsys.readouterr().out
    assert asked == {
        "DETECTION_MIN_CONFIDENCE": 0.5,
        "ATTRIBUTE_THRESHOLD": 0.4,
        "path": Path("m.h5"),
    }


def test_garments_of_the_photo_itself_are_left_out(made, photos, asked):
    queries, _ = search(made, photos / "2.png", "--weights", "m.h5")
    assert len(queries) == 3
    for query in queries:
        assert len(query["matches"]) == 6
        assert "2.png" not in {match["image"] for match in query["matches"]}


def test_filters_hold_for_all_matches(made, photos, asked):
    filters = ("--category", "Top", "--attribute", "striped", "-k", "2", "--weights", "m.h5")
    queries, page = search(made, photos / "0.png", *filters)
    for match in queries[0]["matches"]:
        assert match["category"] == "top, t-shirt" and "striped" in match["attributes"]
    assert len(queries[0]["matches"]) <= 2 and "<dd>top, t-shirt</dd>" in page
    queries, _ = search(made, photos / "2.png", "--category", "same", "--weights", "m.h5")
    for query in queries:
        found = {match["category"] for match in query["matches"]}
        assert found <= {query["garment"]["category"]}


def test_filters_that_nothing_passes_are_told(made, asked, capsys):
    with sqlite3.connect(made / "garments.sqlite") as database:
        database.execute("DELETE FROM garment_attributes WHERE attribute = 'striped'")
    queries, _ = search(made, "--garment", 1, "--attribute", "striped")
    assert queries[0]["matches"] == []
    assert "Leave out --category or an --attribute" in capsys.readouterr().out
    search(made, "--garment", 1)
    assert "Leave out" not in capsys.readouterr().out


def test_a_garment_of_the_index_needs_no_model(made, asked):
    queries, page = search(made, "--garment", 1, "-k", 3)
    assert not asked and len(queries) == 1 and len(queries[0]["matches"]) == 3
    with GarmentIndex.open(made) as index:
        garment = index.garment(1)
        ((_, second, *_),) = index.search(index.vector(1)[None], 3)
    assert queries[0]["image"] == garment.image
    assert queries[0]["matches"][0]["id"] == second.garment.id
    assert re.search(r"no\. \d+", page)


def test_photos_without_garments_are_told(made, asked, tmp_path, capsys):
    Image.fromarray(np.zeros((20, 60, 3), np.uint8)).save(tmp_path / "none.png")
    queries, page = search(made, tmp_path / "none.png", "--weights", "m.h5")
    assert queries == [] and "No garment was found in the photos." in page
    assert "none.png: no garment was found" in capsys.readouterr().err


def test_unknown_names_are_refused_before_a_model_is_loaded(made, photos, asked):
    for option, message in (
        (("--category", "dres"), "Did you mean dress"),
        (("--attribute", "strped"), "Did you mean striped"),
    ):
        with pytest.raises(ValueError, match=message):
            search(made, photos / "0.png", *option)
    with pytest.raises(ValueError, match="no garment 99"):
        search(made, "--garment", 99)
    assert not asked


def test_a_model_that_has_moved_is_asked_for(made, photos):
    with pytest.raises(FileNotFoundError, match=r"m\.h5, is not there any more.*--weights FILE"):
        search(made, photos / "0.png")


def test_a_shipped_model_is_found_wherever_it_is(made, photos, asked):
    connection = connect(made)
    with GarmentIndex.open(made) as index:
        model = index.meta["model"]
    write_meta(connection, model=model | {"name": "ccp.h5", "weights": "/elsewhere/ccp.h5"})
    connection.close()
    search(made, photos / "0.png")
    assert asked["path"].name == "ccp.h5" and asked["path"].exists()


def test_another_model_is_refused(made, photos):
    shipped = next(iter(shipped_models()))
    with pytest.raises(ValueError, match=r"was made with m\.h5 .* is another model"):
        search(made, photos / "0.png", "--weights", shipped)
