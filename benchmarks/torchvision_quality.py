"""How much this project's Mask R-CNN and torchvision's learn from the same photos.

    python benchmarks/torchvision_quality.py --data CCP --weights resnet50.npz --out runs/peer

Both start from the same ImageNet weights of ResNet-50 and see the same batches: the loader of this
project feeds both (mirrored at random, one seed). Input size, optimizer, schedule, sizes of layers,
and numbers of proposals and RoIs are equal. torchvision's ResNet gets its stride in the first 1 x 1
convolution, as Keras' has it. Each side is trained once with each of --rates, and its best counts;
`fashion evaluate` scores both on val.csv. Ours learns the attributes in addition.

What still differs is what is compared: anchors are matched and sampled by each library's own rules,
ours updates the statistics of BatchNorm (torchvision's are frozen) and has BatchNorm in its heads.

A run that was interrupted resumes after its last epoch, by the same command.
"""

if not __package__:  # run as a script: the repository, not this folder, belongs on the import path
    import sys

    sys.path[0] = __file__.rpartition("benchmarks")[0] or "."

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fashion.config import CCP
from fashion.datasets.files import find_data
from fashion.datasets.splits import Split, load_train_and_val
from fashion.studies.torchvision_fit import predictions, train
from fashion.studies.torchvision_network import build, import_torch, pretrained
from mrcnn.data.augmentation.imgaug_adapter import ImgaugAugmenter
from mrcnn.data.augmentation.imgaug_import import import_imgaug
from mrcnn.data.batches import training_batches
from mrcnn.files import write_text
from mrcnn.json_files import read_json
from mrcnn.typing import Array

# Those of torchvision's network, and of the recipe ccp with the RoIs of a longer training.
SETTINGS: dict[str, Any] = {
    "BACKBONE": "resnet50",
    "TOP_DOWN_PYRAMID_SIZE": 256,
    "RPN_CHANNELS": 256,
    "MASK_CHANNELS": 256,
    "FPN_CLASSIF_FC_LAYERS_SIZE": 1024,
    "TRAIN_ROIS_PER_IMAGE": 128,
    "ROI_POSITIVE_RATIO": 0.25,
    "EVALUATE_EVERY": 1000,  # at the end only
}
SIDES = ("torchvision", "ours")
SCORES = (("masks", "AP"), ("masks", "AP50"), ("boxes", "AP"), ("boxes", "AP50"))


def main(argv: Sequence[str] | None = None) -> list[dict[str, Any]]:
    """Trains what is missing, and prints the table.

    Args:
        argv: Command line; that of the process by default.

    Returns:
        A row for each side and learning rate: "side", "rate", and the scores.
    """
    args = _parser().parse_args(argv)
    if args.train_torchvision is not None:
        train_torchvision(args, args.train_torchvision, args.out)
        return []
    rows = []
    for side in args.sides:
        for rate in args.rates:
            folder = args.out / f"{side}-{rate:g}"
            if not (folder / "scores" / "metrics.json").exists():
                (_run_ours if side == "ours" else _run_torchvision)(args, rate, folder)
            metrics = read_json(folder / "scores" / "metrics.json")
            scores = {f"{what} {key}": metrics["coco"][what][key] for what, key in SCORES}
            rows.append({"side": side, "rate": rate, **scores})
    _print_table(rows)
    write_text(args.out / "table.json", json.dumps(rows, indent=1))
    return rows


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="benchmarks/torchvision_quality.py",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--data", required=True, type=Path, help="folder with train.csv, val.csv")
    parser.add_argument(
        "--weights",
        required=True,
        type=Path,
        help="Keras' ImageNet weights, .npz of <layer>/<weight>",
    )
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--steps", type=int, help="batches per epoch (default: every image once)")
    parser.add_argument("--imgsz", type=int, default=192, help="longer side of the input, pixels")
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--rates", type=float, nargs="+", default=[5e-4, 2e-4])
    parser.add_argument("--sides", nargs="+", choices=SIDES, default=SIDES)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("runs/torchvision_quality"))
    parser.add_argument("--train-torchvision", type=float, help=argparse.SUPPRESS)
    return parser


def _print_table(rows: list[dict[str, Any]]) -> None:
    names = [f"{what} {key}" for what, key in SCORES]
    print("| side | learning rate | " + " | ".join(names) + " |")
    print("|---" * (len(names) + 2) + "|")
    for row in rows:
        numbers = " | ".join(f"{row[name]:.3f}" for name in names)
        print(f"| {row['side']} | {row['rate']:g} | {numbers} |")


def settings_of(args: argparse.Namespace, rate: float) -> dict[str, Any]:
    """Collects the settings in which a run differs from the recipe ccp.

    Args:
        args: Arguments of this command.
        rate: The highest learning rate.

    Returns:
        By name.
    """
    scale = args.imgsz / CCP.IMAGE_MAX_DIM
    return SETTINGS | {
        "IMAGE_MAX_DIM": args.imgsz,
        "IMAGE_MIN_DIM": round(CCP.IMAGE_MIN_DIM * scale),
        "RPN_ANCHOR_SCALES": [round(side * scale) for side in CCP.RPN_ANCHOR_SCALES],
        "IMAGES_PER_GPU": args.batch,
        "STEPS_PER_EPOCH": args.steps,
        "SEED": args.seed,
        "STAGES": [["all", "all", args.epochs, rate]],
    }


def _command(*parts: Any) -> None:
    """Runs `python …` in the repository; its output is this command's."""
    root = Path(__file__).resolve().parents[1]
    path = os.pathsep.join(filter(None, [str(root), os.environ.get("PYTHONPATH")]))
    command = [sys.executable, *map(str, parts)]
    done = subprocess.run(command, env=os.environ | {"PYTHONPATH": path}, check=False)
    if done.returncode:
        raise SystemExit(f"error: {' '.join(command)} ended with status {done.returncode}.")


def _run_ours(args: argparse.Namespace, rate: float, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    mirror = folder / "mirror.yaml"
    write_text(mirror, "imgaug:\n  - Fliplr: {p: 0.5}\n")
    options = []
    for name, value in settings_of(args, rate).items():
        options += ["--set", f"{name}={json.dumps(value)}"]
    weights = folder / "imagenet.npz"
    np.savez(weights, **rgb_weights(args.weights))
    data = ["--data", args.data, "--recipe", "ccp", "--weights", weights]
    run = ["--augment", mirror, "--out", folder, "--name", "run"]
    _command("-m", "fashion", "train", *data, *run, *options)
    what = ["--weights", folder / "run" / "last.h5", "--data", args.data, "--split", "val.csv"]
    _command("-m", "fashion", "evaluate", *what, "--out", folder / "scores")


def _run_torchvision(args: argparse.Namespace, rate: float, folder: Path) -> None:
    same = ["--data", args.data, "--weights", args.weights, "--epochs", args.epochs]
    same += ["--imgsz", args.imgsz, "--batch", args.batch, "--seed", args.seed, "--out", folder]
    same += ["--steps", args.steps] if args.steps else []
    _command(__file__, *same, "--train-torchvision", rate)
    files = ["--gt", args.data / "val.csv", "--predictions", folder / "predictions.json"]
    _command("-m", "fashion", "evaluate", *files, "--out", folder / "scores")


def train_torchvision(args: argparse.Namespace, rate: float, folder: Path) -> None:
    """Trains torchvision's Mask R-CNN and writes its predictions for val.csv.

    Args:
        args: Arguments of this command.
        rate: The highest learning rate.
        folder: Receives checkpoint.pt after every epoch, and predictions.json.
    """
    torch = import_torch()
    folder.mkdir(parents=True, exist_ok=True)
    train_set, val = load_train_and_val(find_data(args.data), split=Split("val.csv"))
    own = {"NUM_CLASSES": train_set.num_classes, "USE_MINI_MASK": False}
    config = CCP.from_dict(settings_of(args, rate) | own)
    mirror = ImgaugAugmenter(import_imgaug().augmenters.Fliplr(0.5))
    batches = training_batches(train_set, config, augmenter=mirror)
    torch.manual_seed(args.seed)
    model = pretrained(build(config), rgb_weights(args.weights))
    train(torch, model, batches, config, args.epochs, rate, folder)
    rows = predictions(torch, model.eval(), val, config)
    names = {int(i): val.image_info[int(i)]["id"] for i in val.image_ids}
    rows = [row | {"image_id": names[row["image_id"]]} for row in rows]
    write_text(folder / "predictions.json", json.dumps(rows))


def rgb_weights(file: Path) -> dict[str, Array]:
    """Reads Keras' ImageNet weights, and reverses the first kernel, which reads BGR pixels.

    Args:
        file: .npz of `<layer>/<weight>`.

    Returns:
        The arrays, for RGB pixels.
    """
    with np.load(file) as stored:
        arrays = dict(stored)
    return arrays | {"conv1/kernel": np.ascontiguousarray(arrays["conv1/kernel"][:, :, ::-1])}


if __name__ == "__main__":
    main()
