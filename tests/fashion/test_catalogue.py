"""The command `catalogue`: what it makes, updates and refuses."""

import json

import numpy as np
import pytest
from PIL import Image

from fashion import catalogue
from fashion.commands import catalogue as command
from fashion.retrieval.index import GarmentIndex

pytest.importorskip("faiss", reason="the extra [catalogue] is not installed")

pytestmark = pytest.mark.slow  # a network predicts


@pytest.fixture
def loaded(monkeypatch, uncompiled, embedding_model):
    """Loads no model twice; notes the settings that were asked for."""
    asked = []

    def load(path, **settings):
        asked.append(settings)
        return embedding_model

    monkeypatch.setattr(command, "load_embedding_model", load)
    return asked


@pytest.fixture(scope="module")
def embedding_model(tiny_run):
    from fashion.retrieval.embedding import load_embedding_model

    return load_embedding_model(tiny_run, DETECTION_MIN_CONFIDENCE=0.03)


@pytest.fixture
def folder(sample_folder, tmp_path):
    """Three of the drawings."""
    (tmp_path / "photos").mkdir()
    for path in sorted((sample_folder / "images").iterdir())[:3]:
        (tmp_path / "photos" / path.name).write_bytes(path.read_bytes())
    return tmp_path / "photos"


def run(tiny_run, folder, *options):
    out = folder.parent / "index"
    arguments = [str(folder), "--weights", str(tiny_run), "--out", str(out), *options]
    assert catalogue.main(arguments) == out
    return out


def test_an_index_holds_what_the_model_finds(loaded, tiny_run, folder, embedding_model, capsys):
    out = run(tiny_run, folder, "--conf", "0.03")
    assert loaded == [{"DETECTION_MIN_CONFIDENCE": 0.03}]
    printed = capsys.readouterr().out
    assert "of 3 images" in printed and "3 images new or changed, 0 unchanged" in printed
    assert f"next: fashion similar PHOTO --index {out}" in printed
    with GarmentIndex.open(out) as index:
        assert index.meta["model"]["name"] == "best.h5"
        assert index.meta["root"] == str(folder)
        for path in sorted(folder.iterdir()):
            (result,) = embedding_model.predict([np.asarray(Image.open(path).convert("RGB"))])
            garments = index.of_image(path.name)
            boxes = [garment.box for garment in garments]
            np.testing.assert_allclose(boxes, result["boxes"], atol=1e-3)
            scores = [garment.score for garment in garments]
            np.testing.assert_allclose(scores, result["scores"], atol=1e-5)
    left = {path.name.partition("-")[0] for path in out.iterdir()}
    assert left == {"garments.sqlite", "garments"}


def test_a_second_run_loads_no_model_unless_an_image_is_new(loaded, tiny_run, folder, capsys):
    out = run(tiny_run, folder)
    run(tiny_run, folder)
    assert len(loaded) == 1 and "0 images new or changed, 3 unchanged" in capsys.readouterr().out
    Image.new("RGB", (96, 128), "red").save(folder / "new.png")
    next(folder.glob("*.jpg")).unlink()
    run(tiny_run, folder)
    assert "1 image new or changed, 2 unchanged, 1 removed" in capsys.readouterr().out
    assert len(loaded) == 2
    run(tiny_run, folder, "--restart")
    assert "3 images new or changed, 0 unchanged, 0 removed" in capsys.readouterr().out
    assert len(list(out.glob("*.faiss"))) == 1


def test_other_weights_and_thresholds_are_refused(loaded, tiny_run, folder, tmp_path):
    run(tiny_run, folder, "--conf", "0.03")
    with pytest.raises(ValueError, match="--conf: 0.03 there, 0.5 here.*--restart"):
        run(tiny_run, folder, "--conf", "0.5")
    other = tmp_path / "other.h5"
    other.write_bytes((tiny_run / "best.h5").read_bytes() + b" ")
    with pytest.raises(ValueError, match=r"--weights: 'best\.h5 .* there, 'other\.h5"):
        run(other, folder, "--conf", "0.03")
    assert len(loaded) == 1


def test_broken_images_are_left_out(loaded, tiny_run, folder, capsys):
    (folder / "broken.png").write_bytes(b"no image")
    run(tiny_run, folder)
    printed = capsys.readouterr()
    assert "of 3 images" in printed.out and "left out: " in printed.err
    assert "3 images new or changed, 0 unchanged" in printed.out
    assert "broken.png" in printed.err
    assert "1 image left out, because it cannot be used" in printed.out
    run(tiny_run, folder)
    printed = capsys.readouterr()
    assert "0 images new or changed, 3 unchanged" in printed.out
    assert "1 image left out, because it cannot be used" in printed.out


def test_an_index_is_copied_to_a_server(loaded, tiny_run, folder, monkeypatch, capsys):
    qdrant = pytest.importorskip("qdrant_client", reason="the extra [qdrant] is not installed")
    from fashion.retrieval.qdrant import QdrantIndex

    client = qdrant.QdrantClient(":memory:")
    monkeypatch.setattr(client, "close", lambda: None)
    monkeypatch.setattr(command, "connect_to", lambda address: (client, "garments"))
    run(tiny_run, folder, "--conf", "0.03", "--qdrant", "http://localhost/garments")
    assert "http://localhost/garments: " in capsys.readouterr().out
    with GarmentIndex.open(folder.parent / "index") as index:
        garments = list(index.garments())
    assert garments and list(QdrantIndex(client, "garments").garments()) == garments


def test_the_meta_data_are_json(loaded, tiny_run, folder):
    with GarmentIndex.open(run(tiny_run, folder)) as index:
        assert json.loads(json.dumps(index.meta)) == index.meta
