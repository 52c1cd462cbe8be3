"""A model and an index that need neither Keras nor files, and a process that serves them."""

import io
import sys
import threading
import time

import numpy as np
from PIL import Image

from fashion.config import FashionConfig
from fashion.labels.ontology import Ontology
from fashion.results import TrainedModel
from fashion.retrieval.index import Garment, GarmentIndex, Match
from fashion.service.catalogue import Catalogue
from fashion.service.running import Service
from fashion.service.served import ServedModel
from fashion.service.settings import ServiceSettings

# Names as an attacker would write them.
HOSTILE = "<img src=x onerror=\"document.title='hacked'\">"
LABELS = {
    "categories": [[1, "dress", "main"], [5, HOSTILE, "main"], [9, "shoe", "part"]],
    "attributes": [[3, "red", "color"], [8, HOSTILE, "pattern"]],
    "attribute_category_ids": [1, 5],
}


class FakePredictor:
    """Finds three garments in every photo, whose scores depend on its pixels."""

    def __init__(self, seconds=0.0):
        self.seconds, self.count, self.threads = seconds, 0, set()

    def stream(self, images):
        for image in images:
            self.threads.add(threading.get_ident())
            self.count += 1
            time.sleep(self.seconds)
            height, width = image.shape[:2]
            tint = float(image.mean()) / 2550
            corners = np.array([[0.1, 0.2, 0.7, 0.8], [0.1, 0.1, 0.5, 0.5], [0.75, 0.3, 0.98, 0.6]])
            grid = np.zeros((3, 28, 28), np.float32)
            grid[:, 4:24, 4:24] = 0.9
            grid[0, 10:14, 10:14] = 0.1  # a hole
            yield {
                "boxes": (corners * [height, width, height, width]).astype(np.float32),
                "class_ids": np.array([1, 2, 3], np.int32),
                "scores": np.array([0.8 + tint, 0.6 + tint, 0.1 + tint], np.float32),
                "mask_probabilities": grid,
                "attribute_scores": np.array([[0.9, 0.2], [0.3, 0.8], [0.9, 0.9]], np.float32),
                "image_hw": (height, width),
                "convention": "aligned",
            }


def fake_model(seconds=0.0):
    config = FashionConfig.from_dict(
        {"IMAGE_MIN_DIM": 64, "IMAGE_MAX_DIM": 64, "IMAGE_RESIZE_MODE": "square"}
    )
    return TrainedModel(FakePredictor(seconds), config, Ontology.from_dict(LABELS))


class FakeEmbedder:
    def __init__(self, model):
        self.model = model

    def predict_with_vectors(self, image):
        (result,) = self.model.predict([image])
        return result, np.eye(len(result["scores"]), 4, dtype=np.float32)


class FakeIndex(GarmentIndex):
    """Six garments in three images; garment i has the unit vector i modulo 4."""

    def __init__(self):
        self.meta = {"labels": LABELS}
        names = ["dress", HOSTILE, "shoe", "dress", "dress", "shoe"]
        self._garments = [
            Garment(
                id=i,
                image=f"secret/folder/photo-{i // 2}.jpg",
                box=(1.0, 2.0, 30.0, 40.0),
                category=name,
                score=0.9,
                attributes={"red": 0.8, HOSTILE: 0.6},
                colors=["#aa2211", "#334455"],
                date="2024-05-06T07:08:09" if i % 2 else None,
            )
            for i, name in enumerate(names)
        ]

    def __len__(self):
        return len(self._garments)

    def garments(self):
        return iter(self._garments)

    def garment(self, garment_id):
        if not 0 <= garment_id < len(self):
            raise KeyError(garment_id)
        return self._garments[garment_id]

    def vector(self, garment_id):
        self.garment(garment_id)
        return np.eye(4, dtype=np.float32)[garment_id % 4]

    def of_image(self, image):
        return [garment for garment in self._garments if garment.image == image]

    def close(self):
        pass

    def thumbnail(self, garment_id):
        self.garment(garment_id)
        content = io.BytesIO()
        image = Image.new("RGB", (96, 128), (40 * garment_id, 90, 200))
        exif = image.getexif()
        exif[0x010E] = "secret description"
        image.save(content, "JPEG", exif=exif)
        return content.getvalue()

    def search(self, vectors, k=20, *, category=None, attributes=(), exclude_images=()):
        found = []
        for vector in vectors:
            matches = [
                Match(garment, float(vector @ self.vector(garment.id)))
                for garment in self._garments
                if (category is None or garment.category == category)
                and set(attributes) <= set(garment.attributes)
                and garment.image not in exclude_images
            ]
            matches.sort(key=lambda match: (-match.similarity, match.garment.id))
            found.append(matches[:k])
        return found


class DatedIndex(FakeIndex):
    """480 images of 24 months: dresses rise from 20 to 80 %, hostile names fall, shoes stay."""

    def __init__(self, dated=True):
        super().__init__()
        self._garments = []
        for month in range(24):
            date = f"{2022 + month // 12}-{month % 12 + 1:02}-03" if dated else None
            for i in range(20):
                names = ["shoe"] if i < 20 - month % 2 else []
                names += ["dress"] if i < 4 + month / 2 else []
                names += [HOSTILE] if i < 16 - month / 2 else []
                for name in names:
                    image = f"secret/{month}/{i}.jpg"
                    self._garments.append(
                        Garment(
                            id=len(self._garments),
                            image=image,
                            box=(1.0, 2.0, 30.0, 40.0),
                            category=name,
                            score=0.9,
                            attributes={HOSTILE: 0.6} if i % 3 else {},
                            colors=["#aa2211"],
                            date=date,
                        )
                    )


INDEXES = {True: FakeIndex, "dated": DatedIndex, "undated": lambda: DatedIndex(dated=False)}


def fake_service(*, seconds=0.0, index=True, dates=None, load=None, **settings):
    """A service of the fakes; its model is `service.fake`.

    `index` is one of INDEXES, or False for none. `load` is called before the model is there.
    """
    model = fake_model(seconds)

    def load_model():
        if load is not None:
            load()
        embedder = FakeEmbedder(model) if index else None
        return ServedModel(model, "fake", "CC0", 0.5, 0.05, embedder)

    open_catalogue = (lambda: Catalogue(INDEXES[index](), dates)) if index else None
    allowed, samples = ServiceSettings(**settings), lambda: {"a.jpg": photo()}
    service = Service(load_model, allowed, open_catalogue, samples)
    service.fake = model
    return service


def photo(size=(60, 80), color=(200, 30, 60), kind="JPEG", **options):
    """A photo as bytes; size is (width, height)."""
    content = io.BytesIO()
    Image.new("RGB", size, color).save(content, kind, **options)
    return content.getvalue()


def main():
    """Serves the fakes; prints the port. Arguments are Python: seconds=0.1 most_waiting=4.

    header_seconds, stalled_seconds: of the server. broken: why the model cannot be loaded.
    """
    from fashion.service import server

    arguments = dict(argument.split("=", 1) for argument in sys.argv[1:])
    values = {name: eval(text) for name, text in arguments.items()}
    for name in ("header_seconds", "stalled_seconds"):
        if name in values:
            setattr(server, name.upper(), values.pop(name))
    if "broken" in values:
        error = OSError(values.pop("broken"))
        values["load"] = lambda: (_ for _ in ()).throw(error)
    listener = server.listen_at("127.0.0.1", 0)
    print(listener.getsockname()[1], flush=True)
    server.serve(fake_service(**values), listener)


if __name__ == "__main__":
    main()
