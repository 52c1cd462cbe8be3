"""Vectors of detections: with the head a model finds what it finds without."""

import json

import numpy as np
import pytest

from fashion.loading import load_model
from fashion.retrieval.colors import histogram
from fashion.retrieval.embedding import GarmentEmbedder, load_embedding_model, mask_pixels
from fashion.retrieval.found import found_garments
from fashion.retrieval.model_identity import check_made_by, identity_of
from fashion.retrieval.vectors import VectorSpace, unit
from mrcnn.data.image_io import read_image


def meta_of(model, space):
    labels = json.loads(json.dumps(model.ontology.to_dict()))
    return {"labels": labels, "vector": space.to_meta(2, 144), "model": {"name": "m.h5"}}


def test_vectors_join_features_attributes_and_colors(color_model, draw_image):
    image = draw_image((200, 10, 60), (20, 30, 250))
    (result,) = color_model.predict([image])
    vectors = GarmentEmbedder(color_model).describe(image, result)
    assert vectors.shape == (2, 8 + 2 + 144) and vectors.dtype == np.float32
    parts = (result["embeddings"], result["attribute_scores"])
    colors = np.stack([histogram(image[y : y + 40, :40].reshape(-1, 3)) for y in (0, 40)])
    cosines = [(unit(part) @ unit(part).T)[0, 1] for part in (*parts, colors)]
    assert vectors[0] @ vectors[1] == pytest.approx(
        np.average(cosines, weights=[2, 1, 1]), abs=1e-6
    )


def test_vectors_of_an_index_are_centred(color_model, draw_image):
    image = draw_image((200, 10, 60))
    (result,) = color_model.predict([image])
    mean = np.linspace(0, 0.5, 8, dtype=np.float32)
    meta = meta_of(color_model, VectorSpace(mean))
    (vector,) = GarmentEmbedder(color_model, meta).describe(image, result)
    expected = unit(result["embeddings"] - mean)[0]
    np.testing.assert_allclose(vector[:8] / np.linalg.norm(vector[:8]), expected, atol=1e-6)


def test_predicting_in_one_go(color_model, draw_image):
    image = draw_image((200, 10, 60), (20, 30, 250))
    (expected,) = color_model.predict([image])
    embedder = GarmentEmbedder(color_model)
    result, vectors = embedder.predict_with_vectors(image)
    np.testing.assert_array_equal(vectors, embedder.describe(image, expected))
    assert result.keys() == expected.keys() - {"embeddings"}


def test_images_without_garments_have_no_vectors(color_model):
    result, vectors = GarmentEmbedder(color_model).predict_with_vectors(
        np.zeros((9, 60, 3), np.uint8)
    )
    assert len(result["scores"]) == 0 and vectors.shape == (0, 154)


def test_results_without_embeddings_name_the_option(color_model, draw_image):
    image = draw_image((1, 2, 3))
    (result,) = color_model.predict([image])
    del result["embeddings"]
    with pytest.raises(ValueError, match="fashion export --embeddings"):
        GarmentEmbedder(color_model).describe(image, result)


def test_a_model_of_other_labels_is_refused(color_model):
    meta = meta_of(color_model, VectorSpace(np.zeros(8, np.float32)))
    meta["labels"]["attributes"][0][1] = "long"
    with pytest.raises(ValueError, match=r"other attributes than the index holds.* m\.h5"):
        GarmentEmbedder(color_model, meta)


def test_only_pixels_inside_the_mask_count(color_model, draw_image):
    image = draw_image((200, 10, 60))
    image[:, :20] = 7
    (result,) = color_model.predict([image])
    result["mask_probabilities"][0, :, :2] = 0
    pixels = mask_pixels(image, result, 0)
    assert len(pixels) == 800 and (pixels == (200, 10, 60)).all()
    result["mask_probabilities"][:] = 0  # then those of the box
    assert len(mask_pixels(image, result, 0)) == 1600
    (garment,) = found_garments(image, result, color_model.ontology)
    assert len(garment.colors) == 2


@pytest.mark.slow
def test_the_head_changes_no_result(tiny_run, sample_folder, uncompiled):
    image = read_image(next((sample_folder / "images").iterdir()))
    settings = {"DETECTION_MIN_CONFIDENCE": 0.03}
    (expected,) = load_model(tiny_run, **settings).predict([image])
    embedder = GarmentEmbedder(load_embedding_model(tiny_run, **settings))
    result, vectors = embedder.predict_with_vectors(image)
    assert len(result["scores"]) > 0 and result.keys() == expected.keys()
    assert result.pop("attributes") == expected.pop("attributes")
    for name, column in expected.items():
        np.testing.assert_array_equal(result[name], column)
    attributes = embedder.model.ontology.num_attributes
    assert vectors.shape == (len(result["scores"]), 32 + attributes + 144)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, rtol=1e-5)
    assert len(np.unique(vectors.round(5), axis=0)) > 1


@pytest.mark.slow
def test_models_are_told_apart_by_content(tiny_run, tmp_path):
    meta = {"model": identity_of(tiny_run)}
    assert check_made_by(meta, tiny_run) == (tiny_run / "best.h5").absolute()
    copy = tmp_path / "renamed.h5"
    copy.write_bytes((tiny_run / "best.h5").read_bytes())
    assert check_made_by(meta, copy) == copy
    copy.write_bytes(copy.read_bytes() + b" ")
    with pytest.raises(ValueError, match=r"made with best\.h5 .* and renamed\.h5 .* is another"):
        check_made_by(meta, copy)


@pytest.fixture(scope="session")
def exports(tiny_run, sample_folder, tmp_path_factory):
    """ONNX files of `tiny_run` with embeddings and without."""
    pytest.importorskip("tf2onnx", reason="the extra [export] is not installed")
    pytest.importorskip("onnxruntime", reason="the extra [export] is not installed")
    from fashion import export

    out, files = tmp_path_factory.mktemp("exports"), []
    for name, options in (("with", ["--embeddings"]), ("without", [])):
        data = ["--data", str(sample_folder), "--license", "CC0", "--limit", "1", *options]
        files += export.main(["--weights", str(tiny_run), "--out", str(out / name), *data])
    return files


@pytest.mark.full
def test_an_exported_model_gives_the_same_vectors(exports, tiny_run, sample_folder):
    image = read_image(next((sample_folder / "images").iterdir()))
    with_embeddings, without = exports
    keras = GarmentEmbedder(load_embedding_model(tiny_run, DETECTION_MIN_CONFIDENCE=0.03))
    exported = GarmentEmbedder(load_embedding_model(with_embeddings))
    assert check_made_by({"model": identity_of(tiny_run)}, with_embeddings)
    (result, vectors), (expected, wanted) = (
        embedder.predict_with_vectors(image) for embedder in (exported, keras)
    )
    count = min(len(vectors), len(wanted))
    assert count and result["class_ids"][:count].tolist() == expected["class_ids"][:count].tolist()
    np.testing.assert_allclose(vectors[:count], wanted[:count], atol=1e-3)
    with pytest.raises(ValueError, match="gives no embeddings.*--embeddings"):
        load_embedding_model(without)
