"""A model without a network, whose garments follow from the colors of an image, and indexes."""

import numpy as np
import pytest
from PIL import Image

from fashion.config import FashionConfig
from fashion.labels.ontology import Ontology
from fashion.results import TrainedModel

FEATURES = 8
SIDE = 40  # of a garment, pixels
LABELS = {
    "categories": [[1, "top, t-shirt", "upper"], [2, "dress", "whole"], [3, "shoe", "feet"]],
    "attributes": [[10, "sleeveless", "length"], [11, "striped", "pattern"]],
    "attribute_category_ids": [1, 2, 3],
}


class ColorPredictor:
    """Finds squares of SIDE pixels, one below the other; each has one color and no background."""

    config = None

    def stream(self, images):
        for image in images:
            count = image.shape[0] // SIDE
            tops = np.arange(count) * SIDE
            boxes = np.stack([tops, 0 * tops, tops + SIDE, 0 * tops + SIDE], 1).astype(np.float32)
            colors = image[tops + SIDE // 2, SIDE // 2].astype(np.int64)
            rng = [np.random.default_rng(color.tolist()) for color in colors]
            features = np.array([r.standard_normal(FEATURES) for r in rng], np.float32)
            features = features.reshape(count, FEATURES)
            features /= np.linalg.norm(features, axis=1, keepdims=True)
            yield {
                "rois": boxes.astype(np.int32),
                "boxes": boxes,
                "image_hw": image.shape[:2],
                "class_ids": (1 + colors[:, 0] % 3).astype(np.int32),
                "scores": np.linspace(0.9, 0.6, count, dtype=np.float32),
                "mask_probabilities": np.ones((count, 4, 4), np.float32),
                "attribute_scores": (colors[:, 1:] / 255).astype(np.float32),
                "embeddings": features,
            }


class ColorModel(TrainedModel):
    """A model of LABELS that notes what it has seen."""

    def __init__(self):
        config = FashionConfig.from_dict({"NUM_CLASSES": 4, "NUM_ATTRIBUTES": 2})
        super().__init__(ColorPredictor(), config, Ontology.from_dict(LABELS))
        self.seen = 0

    def stream(self, images):
        for result in super().stream(images):
            self.seen += 1
            yield result


@pytest.fixture
def color_model():
    return ColorModel()


def draw(*colors):
    """An image with a square of each color."""
    image = np.zeros((SIDE * len(colors), SIDE + 20, 3), np.uint8)
    for i, color in enumerate(colors):
        image[i * SIDE : (i + 1) * SIDE, :SIDE] = color
    return image


@pytest.fixture
def draw_image():
    return draw


@pytest.fixture
def photos(tmp_path):
    """A folder of five photos with one to three garments, and their colors."""
    folder, rng = tmp_path / "photos", np.random.default_rng(0)
    (folder / "more").mkdir(parents=True)
    for i in range(5):
        colors = rng.integers(0, 256, (1 + i % 3, 3))
        name = f"more/{i}.png" if i > 2 else f"{i}.png"
        Image.fromarray(draw(*colors)).save(folder / name)
    return folder


@pytest.fixture
def fill(color_model):
    """fill(folder, files) -> what a run of `fashion catalogue` does, with `color_model`."""
    from pathlib import Path

    from fashion.commands.catalogue import add_images
    from fashion.retrieval.store import GarmentStore

    def run(folder, files, root=None):
        store = GarmentStore(folder)
        try:
            if not store.meta:
                store.begin(about(root or Path(files[0]).parent))
            plan = store.plan(files)
            add_images(store, color_model, plan, workers=2)
            store.remove_images(plan.removed)
            store.finish()
        finally:
            store.close()
        return plan

    return run


def about(root):
    model = {"name": "m.h5", "digest": "0", "weights": "m.h5", "source": "0", "precision": "fp32"}
    labels = Ontology.from_dict(LABELS).to_dict()
    keys = {"min_score": 0.5, "set": ["ATTRIBUTE_THRESHOLD=0.5"], "attribute_threshold": 0.4}
    return {"model": model, "labels": labels, "created": "now", "root": str(root), "keys": keys}


@pytest.fixture
def made(photos, fill, tmp_path):
    """The folder of an index of `photos`: nine garments."""
    fill(tmp_path / "index", sorted(photos.rglob("*.png")), photos)
    return tmp_path / "index"
