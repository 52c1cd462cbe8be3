"""Vectors of garments: the product is the weighted mean of the cosines of the parts."""

import json

import numpy as np
import pytest

from fashion.retrieval.vectors import MOST_FEATURES, GarmentParts, VectorSpace, fit_space, unit


def parts_of(count, features=6, attributes=3, colors=4, seed=0):
    rng = np.random.default_rng(seed)
    return GarmentParts(
        unit(rng.standard_normal((count, features)).astype(np.float32)),
        rng.random((count, attributes), np.float32),
        unit(rng.random((count, colors)).astype(np.float32)),
    )


def test_products_are_weighted_means_of_cosines():
    parts = parts_of(2)
    space = VectorSpace(
        np.zeros(6, np.float32), None, {"features": 2, "attributes": 1, "colors": 1}
    )
    a, b = space.combine(parts)
    cosines = [
        unit(part) @ unit(part).T for part in (parts.features, parts.attributes, parts.colors)
    ]
    assert a @ b == pytest.approx(np.average([c[0, 1] for c in cosines], weights=[2, 1, 1]))
    assert a @ a == pytest.approx(1) and a.dtype == np.float32


def test_features_are_centred():
    parts = parts_of(50)
    space = fit_space(parts.features, 50)
    np.testing.assert_allclose(space.mean, parts.features.mean(axis=0), rtol=1e-5)
    own = space.combine(parts)[:, :6]
    expected = unit(parts.features - space.mean)
    np.testing.assert_allclose(unit(own), expected, atol=1e-6)


def test_a_missing_part_does_not_count():
    parts = parts_of(2)
    none = GarmentParts(parts.features, np.zeros((2, 0), np.float32), 0 * parts.colors)
    vectors = VectorSpace(np.zeros(6, np.float32)).combine(none)
    assert vectors.shape == (2, 10)
    np.testing.assert_allclose(vectors @ vectors.T, parts.features @ parts.features.T, atol=1e-6)


def test_few_garments_keep_all_features_and_many_a_plane():
    count = 8 * MOST_FEATURES
    features = parts_of(count, features=2 * MOST_FEATURES).features
    assert fit_space(features[:-1], count - 1).plane is None
    plane = fit_space(features, count).plane
    assert plane.shape == (2 * MOST_FEATURES, MOST_FEATURES)
    np.testing.assert_allclose(plane.T @ plane, np.eye(MOST_FEATURES), atol=1e-4)


def test_features_in_a_plane_lose_nothing():
    rng = np.random.default_rng(0)
    hidden = rng.standard_normal((1500, 30)) @ rng.standard_normal((30, 300))
    features = unit(hidden.astype(np.float32))
    parts = GarmentParts(features, np.zeros((1500, 0), np.float32), np.zeros((1500, 4), np.float32))
    space = fit_space(features, 1500)
    whole = VectorSpace(space.mean)
    a, b = space.combine(parts)[:50], whole.combine(parts)[:50]
    assert a.shape[1] == MOST_FEATURES + 4
    np.testing.assert_allclose(a @ a.T, b @ b.T, atol=1e-4)


def test_spaces_survive_json():
    features = parts_of(1100, features=300).features
    space = fit_space(features, 7000, {"features": 2.0, "attributes": 1.0, "colors": 0.5})
    about = json.loads(json.dumps(space.to_meta(3, 4)))
    again = VectorSpace.from_meta(about)
    assert about["dimension"] == MOST_FEATURES + 3 + 4 and again.count == 7000
    assert again.weights == space.weights
    np.testing.assert_array_equal(again.mean, space.mean)
    np.testing.assert_array_equal(again.plane, space.plane)


@pytest.mark.parametrize(
    "change", [{"mean": "?"}, {"parts": []}, {"plane": "AAAA"}, {"count": None}]
)
def test_damaged_spaces_are_refused(change):
    about = VectorSpace(np.zeros(6, np.float32)).to_meta(3, 4)
    with pytest.raises(ValueError, match="--restart"):
        VectorSpace.from_meta(about | change)


def test_no_garments_have_a_space():
    space = fit_space(np.zeros((0, 6), np.float32), 0)
    assert space.combine(parts_of(0)).shape == (0, 13)


def test_another_model_is_refused():
    with pytest.raises(ValueError, match="6 box features, and the index was made with 5"):
        VectorSpace(np.zeros(5, np.float32)).combine(parts_of(1))
