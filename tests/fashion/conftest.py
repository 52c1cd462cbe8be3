"""A small data set, and a tiny model with random weights, made once for all tests of the
application."""

import contextlib
import datetime
import threading

import numpy as np
import pytest


@pytest.fixture(scope="session")
def sample_folder(tmp_path_factory):
    """The built-in data: eight photos to train on and four to validate on."""
    from fashion.datasets.sample import make_sample

    return make_sample(
        tmp_path_factory.mktemp("data") / "sample", train=8, val=4, size_hw=(128, 96)
    )


@pytest.fixture(scope="session")
def ontology(sample_folder):
    from fashion.datasets.files import find_data

    return find_data(sample_folder).ontology()


@pytest.fixture(scope="session")
def validation(sample_folder, ontology):
    from fashion.datasets.imaterialist import load_imaterialist

    return load_imaterialist(sample_folder / "val.csv", sample_folder / "images", ontology)


@pytest.fixture(scope="session")
def tiny_model(ontology, tiny_settings):
    """A FashionModel with random weights. It is unsure of everything: each of its scores is about
    one in the number of classes."""
    import keras

    from fashion.commands.train import recipe_config
    from fashion.model import FashionModel

    keras.utils.set_random_seed(0)
    return FashionModel(
        recipe_config("smoke", ontology, tiny_settings | {"DETECTION_MIN_CONFIDENCE": 0.03}),
        ontology,
    )


@pytest.fixture(scope="session")
def tiny_run(tiny_model, tmp_path_factory):
    """A run folder that holds `tiny_model` as best.h5."""
    from mrcnn.weights.layer_files import save_weights

    folder = tmp_path_factory.mktemp("runs") / "tiny"
    save_weights(tiny_model.detector, folder / "best.h5", metadata=tiny_model.metadata())
    return folder


@pytest.fixture(scope="session")
def tiny_export(tiny_run, sample_folder, tmp_path_factory):
    """The ONNX file of `tiny_run`; takes half a minute."""
    pytest.importorskip("tf2onnx", reason="the extra [export] is not installed")
    pytest.importorskip("onnxruntime", reason="the extra [export] is not installed")
    from fashion import export

    out = tmp_path_factory.mktemp("exports")
    data = ["--data", str(sample_folder), "--license", "CC0"]
    (file,) = export.main(["--weights", str(tiny_run), "--out", str(out), *data])
    return file


@pytest.fixture
def loaded_quickly(monkeypatch, tiny_model, tiny_run):
    """The verbs get `tiny_model` for `tiny_run` without building it again; the settings they ask
    for are noted and returned."""
    from fashion import model
    from fashion.cli import chosen_model

    asked = {}

    def load_model(path, **settings):
        assert str(path) == str(tiny_run)
        asked.update(settings)
        return tiny_model

    for place in (model, chosen_model):
        monkeypatch.setattr(place, "load_model", load_model)
    return asked


@pytest.fixture
def held():
    """held(folder, command) -> a context in which another thread works in the folder, as a second
    command does."""

    @contextlib.contextmanager
    def hold(folder, what):
        from mrcnn.locks import locked

        taken, done = threading.Event(), threading.Event()

        def work():
            with locked(folder, what):
                taken.set()
                done.wait()

        thread = threading.Thread(target=work)
        thread.start()
        assert taken.wait(timeout=30)
        try:
            yield
        finally:
            done.set()
            thread.join()

    return hold


@pytest.fixture(scope="session")
def toy():
    """toy(count, seed) -> Images; label k is a square at the k-th of ten places, under noise."""
    from fashion.classify.data import Images

    def make(count, seed=0):
        rng = np.random.default_rng(seed)
        labels = rng.integers(0, 10, count).astype(np.uint8)
        pixels = rng.integers(0, 60, (count, 28, 28), dtype=np.uint8)
        for image, label in zip(pixels, labels):
            y, x = 2 + 12 * (label // 5), 1 + 5 * (label % 5)
            image[y : y + 8, x : x + 5] += 150
        return Images(pixels, labels)

    return make


_LOSSES = ("loss", "rpn_class_loss", "mrcnn_mask_loss")


def _history(epochs, seconds=60.0, best=0.5):
    """Every second epoch is scored; the last one is the best."""
    rows = []
    for epoch in range(1, epochs + 1):
        row = {"epoch": epoch, "stage": "heads", "lr": 1e-3 / epoch, "epoch_seconds": seconds}
        for loss in _LOSSES:
            row |= {loss: 1 / epoch, f"val_{loss}": 1.1 / epoch}
        if epoch % 2 == 0:
            score = best * epoch / epochs
            row |= {"val_mask_ap": score, "val_mask_ap50": score, "val_box_ap": score}
            row["val_attribute_micro_f1"] = 0.75
        rows.append(row)
    return rows


def _run_arguments(data, ontology, recipe="smoke"):
    """What training notes in config.json."""
    return {
        "recipe": recipe,
        "weights": "imagenet",
        "rebalance": ["classes"],
        "skip_bad": False,
        "command": ["fashion", "train", "--data", "my photos"],
        "data": str(data),
        "split": {"kind": "val.csv"},
        "seed": 7,
        "stages": [{"name": "heads", "layers": "heads", "epochs": 4, "learning_rate": 1e-3}],
        "versions": {"python": "3.11.7", "keras": "3.99"},
        "config": {"IMAGE_MAX_DIM": 128, "EVALUATE_IMAGES": 2},
        "ontology": ontology.to_dict(),
    }


@pytest.fixture
def make_run(tmp_path, sample_folder, ontology, validation, tiny_model):
    """make_run(name, epochs=4, stored_epoch=4, best=0.5) -> a run folder as training leaves it.

    Its predictions equal the ground truth.
    """
    import json

    from fashion.evaluation.monitor import store_predictions
    from mrcnn.training.run_folder import RunFolder
    from mrcnn.weights.layer_files import save_weights

    def make(name="smoke20261130T101500", epochs=4, stored_epoch=4, best=0.5):
        run = RunFolder(tmp_path / "runs" / name)
        run.path.mkdir(parents=True)
        run.write_config(_run_arguments(sample_folder, ontology))
        run.write_history(_history(epochs, best=best))
        if epochs < 2:
            return run
        about = {"epoch": epochs, "score": best, "split": {"kind": "val.csv", "held_out": None}}
        save_weights(tiny_model.detector, run.best, metadata=tiny_model.metadata() | about)
        if stored_epoch:
            truth = json.loads(json.dumps(validation.to_coco()))
            rows = [row | {"score": 0.9} for row in truth["annotations"]]
            store_predictions(run, truth | {"annotations": rows}, epoch=stored_epoch, score=best)
        return run

    return make


# Shares of images with each category in `make_catalogue`.
_SHARES = {"dress": 0.3, "coat": 0.2, "shoe": 0.85, "bag": 0.4, "hat": 0.08, "skirt": 0.15}
_ATTRIBUTES = ("floral", "striped", "long", "lined", "denim", "short", "plain", "leather")
_COLORS = ("#c8102e", "#1f4fa8", "#000000", "#ffffff", "#808080", "#2f9e4f", "#5c3a21")


def _garment(number, image, category, date, attributes=(), color="#000000"):
    scores = dict.fromkeys(attributes, 0.9)
    from fashion.retrieval.garment import Garment

    return Garment(number, image, (0.0, 0.0, 9.0, 9.0), category, 0.9, scores, [color], date)


def _catalogue(seed, images=600, months=24, course=None):
    """Garments of images whose dates are drawn over some months.

    `course` is {category: share at the end}; shares move evenly from _SHARES to it.
    """
    generator = np.random.default_rng(seed)
    start = datetime.date(2022, 1, 1)
    listed = []
    for i in range(images):
        share = generator.random()
        date = start + datetime.timedelta(int(share * months * 30.4))
        for category, level in _SHARES.items():
            end = (course or {}).get(category, level)
            if generator.random() < level + share * (end - level):
                chosen = [name for name in _ATTRIBUTES if generator.random() < 0.2]
                color = _COLORS[generator.choice(len(_COLORS))]
                listed.append(
                    _garment(len(listed), f"s/{i}.jpg", category, date.isoformat(), chosen, color)
                )
    return listed


@pytest.fixture(scope="session")
def make_garment():
    """(number, image, category, date, attributes, color) -> Garment."""
    return _garment


@pytest.fixture(scope="session")
def make_catalogue():
    """(seed, images, months, course) -> garments of dated images, with planted trends."""
    return _catalogue
