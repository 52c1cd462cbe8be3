"""A run folder as training leaves it, with predictions that equal the ground truth."""

import json

import pytest

from fashion.evaluation.monitor import store_predictions
from mrcnn.training.run_folder import RunFolder
from mrcnn.weights.layer_files import save_weights

LOSSES = ("loss", "rpn_class_loss", "mrcnn_mask_loss")


def history(epochs, seconds=60.0, best=0.5):
    """Every second epoch is scored; the last one is the best."""
    rows = []
    for epoch in range(1, epochs + 1):
        row = {"epoch": epoch, "stage": "heads", "lr": 1e-3 / epoch, "epoch_seconds": seconds}
        for loss in LOSSES:
            row |= {loss: 1 / epoch, f"val_{loss}": 1.1 / epoch}
        if epoch % 2 == 0:
            score = best * epoch / epochs
            row |= {"val_mask_ap": score, "val_mask_ap50": score, "val_box_ap": score}
            row["val_attribute_micro_f1"] = 0.75
        rows.append(row)
    return rows


def arguments(data, ontology, recipe="smoke"):
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
    """make_run(name, epochs=4, stored_epoch=4) -> a run folder."""

    def make(name="smoke20261130T101500", epochs=4, stored_epoch=4, best=0.5):
        run = RunFolder(tmp_path / "runs" / name)
        run.path.mkdir(parents=True)
        run.write_config(arguments(sample_folder, ontology))
        run.write_history(history(epochs, best=best))
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
