"""Trains torchvision's Mask R-CNN as a run of this project was trained; a process of its own.

    python -m fashion.commands.torchvision_training RUN OUT [IMAGES]

RUN is the run folder: its data, split, settings, batches and start weights are used again. OUT
holds start.npz, and receives checkpoint.pt, truth.json and predictions.json of the validation
images, or of the first IMAGES of them.
"""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fashion.augmentation import default_augmenter
from fashion.cli.data import open_files
from fashion.cli.run_arguments import ontology_of, read_run_arguments
from fashion.cli.start_weights import start_weights
from fashion.commands.train import limited, recipe_config
from fashion.datasets.holding_out import held_out_by
from fashion.datasets.splits import Split, load_train_and_val
from fashion.model import FashionModel
from fashion.studies.torchvision_fit import predictions, train
from fashion.studies.torchvision_network import build, import_torch, pretrained
from mrcnn.data.augmentation.augmenter_files import augmenter_from
from mrcnn.data.batches import training_batches
from mrcnn.files import atomic_path, write_text
from mrcnn.training.run_folder import RunFolder
from mrcnn.typing import Array
from mrcnn.weights.layer_files import own_weights, weight_layers


def train_beside(run: RunFolder, out: Path, limit: int | None = None) -> None:
    """Trains torchvision's network as a run was trained, in another process.

    Args:
        run: The run of this project.
        out: Folder of the files.
        limit: Number of validation images; None for all.

    Raises:
        ValueError: The process failed.
    """
    import_torch()  # a missing package is reported before a process starts
    out.mkdir(parents=True, exist_ok=True)
    arguments = read_run_arguments(run)
    if not (out / "start.npz").exists() and arguments["weights"] != "none":
        with atomic_path(out / "start.npz") as path:
            arrays: dict[str, Any] = _start_of(arguments)
            np.savez(path, **arrays)
    words = [sys.executable, "-m", __name__, str(run.path), str(out)]
    words += [str(limit)] if limit else []
    # This package may not be installed.
    paths = [str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, paths))}
    done = subprocess.run(words, check=False, env=environment)
    if done.returncode:
        raise ValueError(
            f"The training of torchvision's network ended with status {done.returncode}; its "
            "messages are above. The same command resumes it."
        )


def _start_of(arguments: dict[str, Any]) -> dict[str, Array]:
    """Weights of the backbone before training, by "<layer>/<weight>"."""
    config, ontology = _settings_of(arguments)
    model = FashionModel(config, ontology)
    start_weights(model, arguments["weights"], arguments["exclude"])
    arrays = {}
    for name, layer in weight_layers(model.detector).items():
        if name.startswith(("conv1", "bn_conv1", "res", "bn")):
            for weight in own_weights(layer):
                arrays[f"{name}/{weight.name}"] = np.asarray(weight, np.float32)
    return arrays


def _settings_of(arguments: dict[str, Any]) -> tuple[Any, Any]:
    """Config and label list of a run."""
    ontology = ontology_of(arguments)
    return recipe_config(arguments["recipe"], ontology, arguments["config"]), ontology


def main(words: Sequence[str]) -> None:
    """Trains and predicts.

    Args:
        words: RUN, OUT and perhaps IMAGES.

    Raises:
        ValueError: The run has several stages.
    """
    run, out = RunFolder(Path(words[0])), Path(words[1])
    torch = import_torch()
    arguments = read_run_arguments(run)
    config, ontology = _settings_of(arguments)
    if len(config.STAGES) != 1:
        raise ValueError(f"{run.config} has {len(config.STAGES)} stages; expected one.")
    config = type(config).from_dict(config.to_dict() | {"USE_MINI_MASK": False})
    files = open_files(*(arguments.get(name) for name in ("data", "images", "val")))
    train_set, validation = load_train_and_val(
        files,
        ontology,
        split=Split(**arguments["split"]),
        held_out=held_out_by(run),
        skip_bad=arguments["skip_bad"],
    )
    train_set = limited(train_set, arguments["limit"], config.SEED)
    augmenter = None
    if config.AUGMENT:
        described = arguments["augmentation"]
        augmenter = augmenter_from(described) if described else default_augmenter()
    batches = training_batches(train_set, config, augmenter=augmenter)
    torch.manual_seed(config.SEED)
    start = out / "start.npz"
    arrays = dict(np.load(start)) if start.exists() else None
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model = pretrained(build(config), arrays).to(device)
    (stage,) = config.STAGES
    train(torch, model, batches, config, stage.epochs, stage.learning_rate, out)
    batches.close()
    if len(words) > 2:
        first = validation.image_info[: int(words[2])]
        validation = validation.subset([info["id"] for info in first])
    write_text(out / "truth.json", json.dumps(validation.to_coco()))
    rows = predictions(torch, model.eval(), validation, config)
    write_text(out / "predictions.json", json.dumps(rows))


if __name__ == "__main__":
    main(sys.argv[1:])
