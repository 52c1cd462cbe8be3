"""Augmentations in files: what a library saved, and lists of steps."""

import json

import numpy as np
import pytest

from mrcnn.data.augmentation.augmenter_files import augmenter_from, read_augmentation
from mrcnn.data.sample import Sample


@pytest.fixture
def sample():
    image = np.zeros((64, 64, 3), np.uint8)
    image[10:30, 5:20] = 255
    return Sample.from_dense(image, (image[:, :, :1] > 0))


def read(tmp_path, text, name="pipeline.yaml"):
    path = tmp_path / name
    path.write_text(text)
    return augmenter_from(json.loads(json.dumps(read_augmentation(path))))


def assert_mirrored(augmenter, sample):
    found = augmenter.augment(sample, np.random.default_rng(0))
    assert np.array_equal(found.image, sample.image[:, ::-1])
    assert np.array_equal(found.masks.dense()[..., 0], found.image[..., 0] > 0)


@pytest.mark.parametrize("kind", ["json", "yaml"])
def test_what_albumentations_saved_is_read(tmp_path, sample, kind):
    A = pytest.importorskip("albumentations")
    path = tmp_path / f"saved.{kind}"
    A.save(A.Compose([A.HorizontalFlip(p=1.0), A.RandomGamma(p=0.0)]), path, data_format=kind)
    assert_mirrored(augmenter_from(read_augmentation(path)), sample)


def test_steps_of_albumentations_are_made_by_name(tmp_path, sample):
    pytest.importorskip("albumentations")
    text = """
albumentations:
- OneOf:
    transforms:
    - HorizontalFlip: {p: 1.0}
    - HorizontalFlip: {p: 1.0}
    p: 1.0
- Affine: {rotate: [-8, 8], p: 0.0}
"""
    assert_mirrored(read(tmp_path, text), sample)


def test_steps_of_imgaug_are_made_by_name(tmp_path, sample):
    pytest.importorskip("imgaug")
    text = "imgaug:\n- Fliplr: 1.0\n- Sometimes: [0.0, [{Affine: {rotate: [-8, 8]}}]]\n"
    augmenter = read(tmp_path, text)
    assert_mirrored(augmenter, sample)
    rotation = augmenter.augmenter[1].then_list[0]
    assert (rotation.rotate.a.value, rotation.rotate.b.value) == (-8, 8)


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("a.py", "print()", "code and pickles are not run"),
        ("a.json", "{", "is not JSON"),
        ("a.yaml", "a: [", "is not YAML"),
        ("a.yaml", "flip: 1", "one key, albumentations or imgaug"),
        ("a.yaml", "imgaug: Fliplr", "one key, albumentations or imgaug"),
        ("a.yaml", "imgaug:\n- Flipr: 1", "no Flipr. Did you mean Flipl?r"),
        ("a.yaml", "imgaug:\n- Fliplr: {q: 1}", "Fliplr cannot be made from .*q"),
        ("a.yaml", "imgaug:\n- Resize: 32", "size"),
        ("a.yaml", "albumentations:\n- Normalize:", "changes the type of the pixels"),
        ("a.yaml", "albumentations:\n- functools: 1", "has no functools"),
        ("a.json", '{"transform": {"__class_fullname__": "Nothing"}}', "cannot make the saved"),
        ("a.json", '{"transform": 3}', "cannot make the saved"),
    ],
)
def test_other_files_are_refused(tmp_path, name, text, told):
    pytest.importorskip("albumentations")
    pytest.importorskip("imgaug")
    with pytest.raises(ValueError, match=told):
        read(tmp_path, text, name)
