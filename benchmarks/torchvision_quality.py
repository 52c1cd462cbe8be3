"""How much this project's Mask R-CNN and torchvision's learn from the same photos.

    python benchmarks/torchvision_quality.py --data CCP --weights resnet50.npz --out runs/peer

Both start from the same ImageNet weights of ResNet-50 and see the same batches: the loader of this
project feeds both (mirrored at random, one seed). Input size, optimizer, schedule, sizes of layers,
and numbers of proposals and RoIs are equal. torchvision's ResNet gets its stride in the first 1 x 1
convolution, as Keras' has it. Each side is trained once for each of --rates, and its best counts;
`fashion evaluate` scores both on val.csv. Ours learns the attributes in addition.

What still differs is what is compared: anchors are matched and sampled by each library's own rules,
ours updates the statistics of BatchNorm (torchvision's are frozen) and has BatchNorm in its heads.

A run that was interrupted resumes after its last epoch, by the same command.
"""

if not __package__:  # run as a script: the repository, not this folder, belongs on the import path
    import sys

    sys.path[0] = __file__.rpartition("benchmarks")[0] or "."

import argparse
import functools
import json
import math
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from benchmarks.torchvision_peer import build, heads_only
from fashion.config import CCP
from fashion.datasets.files import find_data
from fashion.datasets.imaterialist import IMaterialistDataset
from fashion.datasets.splits import Split, load_train_and_val
from fashion.evaluation.io.results import coco_results
from mrcnn.config import Config
from mrcnn.data.augmentation.imgaug_adapter import ImgaugAugmenter
from mrcnn.data.augmentation.imgaug_import import import_imgaug
from mrcnn.data.batches import training_batches
from mrcnn.data.resize import normalise, placement_for
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
LEAST_SCORE = 0.01  # of the predictions that AP ranks, as in `fashion evaluate`
BATCH_NORM_EPSILON = 1e-3  # of Keras' and Matterport's ResNet


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
    import torch

    folder.mkdir(parents=True, exist_ok=True)
    train, val = load_train_and_val(find_data(args.data), split=Split("val.csv"))
    own = {"NUM_CLASSES": train.num_classes, "USE_MINI_MASK": False}
    config = CCP.from_dict(settings_of(args, rate) | own)
    mirror = ImgaugAugmenter(import_imgaug().augmenters.Fliplr(0.5))
    batches = training_batches(train, config, augmenter=mirror)
    torch.manual_seed(args.seed)
    model = _pretrained(build(config), args.weights)
    optimizer = torch.optim.AdamW(_decayed_apart(model, config.WEIGHT_DECAY), lr=rate)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer,
        functools.partial(
            _share_of_rate, total=args.epochs * len(batches), warmup=config.WARMUP_STEPS
        ),
    )
    state = {"model": model, "optimizer": optimizer, "schedule": schedule}
    for epoch in range(_resumed(torch, state, folder), args.epochs):
        _train_epoch(torch, state, batches, epoch, config.GRADIENT_CLIP_NORM)
        _save(torch, state, epoch + 1, folder)
    rows = _predictions(torch, model.eval(), val, config)
    write_text(folder / "predictions.json", json.dumps(rows))


def _pretrained(model: Any, file: Path) -> Any:
    """Loads Keras' ImageNet weights into the body of torchvision's network."""
    import torch
    from torchvision.ops import FrozenBatchNorm2d

    body = model.backbone.body
    for module in body.modules():
        if isinstance(module, FrozenBatchNorm2d):
            module.eps = BATCH_NORM_EPSILON
        if hasattr(module, "downsample") and module.conv2.stride == (2, 2):
            module.conv1.stride, module.conv2.stride = (2, 2), (1, 1)
    state = converted(rgb_weights(file))
    tensors = {name: torch.from_numpy(value) for name, value in state.items()}
    body.load_state_dict(tensors, strict=True)
    # Our loader normalises, and makes every image as large as the input.
    model.transform.image_mean, model.transform.image_std = [0.0] * 3, [1.0] * 3
    return model


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


def converted(arrays: dict[str, Array]) -> dict[str, Array]:
    """Renames the weights of Keras' ResNet-50 to those of torchvision.

    Args:
        arrays: `<layer>/<weight>`, layers named as Matterport's: res2a_branch2a, bn2a_branch2a.

    Returns:
        The state of torchvision's body with frozen BatchNorm: kernels `(out, in, h, w)`. The bias
        of a convolution, which torchvision's has not, is taken from the mean of its BatchNorm.
    """
    names = {"conv1": "conv1", "bn_conv1": "bn1"}
    branches = {"2a": "1", "2b": "2", "2c": "3"}
    for stage, blocks in enumerate((3, 4, 6, 3), start=2):
        for block in range(blocks):
            ours, theirs = f"{stage}{'abcdef'[block]}_branch", f"layer{stage - 1}.{block}"
            for branch, number in branches.items():
                names[f"res{ours}{branch}"] = f"{theirs}.conv{number}"
                names[f"bn{ours}{branch}"] = f"{theirs}.bn{number}"
        ours, theirs = f"{stage}a_branch1", f"layer{stage - 1}.0.downsample"
        names |= {f"res{ours}": f"{theirs}.0", f"bn{ours}": f"{theirs}.1"}
    state = {}
    for ours, theirs in names.items():
        if ours.startswith("bn"):
            conv = "conv1" if ours == "bn_conv1" else ours.replace("bn", "res", 1)
            bias = np.asarray(arrays[f"{conv}/bias"], np.float32)
            state[f"{theirs}.weight"] = np.asarray(arrays[f"{ours}/gamma"], np.float32)
            state[f"{theirs}.bias"] = np.asarray(arrays[f"{ours}/beta"], np.float32)
            state[f"{theirs}.running_mean"] = arrays[f"{ours}/moving_mean"] - bias
            state[f"{theirs}.running_var"] = np.asarray(arrays[f"{ours}/moving_variance"])
        else:
            kernel = np.asarray(arrays[f"{ours}/kernel"], np.float32)
            state[f"{theirs}.weight"] = np.ascontiguousarray(kernel.transpose(3, 2, 0, 1))
    return state


def _decayed_apart(model: Any, decay: float) -> list[dict[str, Any]]:
    """Weights of the optimizer in two groups: biases do not decay, as in ours."""
    weights = [p for p in model.parameters() if p.requires_grad]
    return [
        {"params": [p for p in weights if p.ndim > 1], "weight_decay": decay},
        {"params": [p for p in weights if p.ndim <= 1], "weight_decay": 0.0},
    ]


def _share_of_rate(step: int, *, total: int, warmup: int) -> float:
    """The same as `mrcnn.training.optimizers.WarmupSchedule` with "cosine"."""
    progress = max(0.0, (step - warmup) / max(1.0, total - warmup))
    cosine = 0.01 + 0.99 * 0.5 * (1.0 + math.cos(math.pi * min(1.0, progress)))
    return cosine * min(1.0, (step + 1) / warmup)


def _resumed(torch: Any, state: dict[str, Any], folder: Path) -> int:
    """Loads the newest checkpoint, if any; the number of epochs that are done."""
    file = folder / "checkpoint.pt"
    if not file.exists():
        return 0
    stored = torch.load(file)
    for name, part in state.items():
        part.load_state_dict(stored[name])
    torch.set_rng_state(stored["random"])
    return stored["epochs"]


def _save(torch: Any, state: dict[str, Any], epochs: int, folder: Path) -> None:
    stored = {name: part.state_dict() for name, part in state.items()}
    stored |= {"epochs": epochs, "random": torch.get_rng_state()}
    torch.save(stored, folder / "checkpoint.part")
    (folder / "checkpoint.part").replace(folder / "checkpoint.pt")


def _train_epoch(
    torch: Any, state: dict[str, Any], batches: Any, epoch: int, clip_norm: float
) -> None:
    model, optimizer = state["model"].train(), state["optimizer"]
    bar = tqdm(range(len(batches)), desc=f"torchvision, epoch {epoch + 1}", mininterval=5)
    for index in bar:
        images, targets = _as_torchvision(torch, batches.make(epoch, index))
        losses = model(images, targets)
        loss = sum(losses.values())
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), clip_norm)
        optimizer.step()
        state["schedule"].step()
        bar.set_postfix(loss=f"{float(loss.detach()):.3f}")


def _as_torchvision(torch: Any, batch: dict[str, Array]) -> tuple[list[Any], list[Any]]:
    images = torch.from_numpy(batch["images"].transpose(0, 3, 1, 2).copy())
    targets = []
    for i, class_ids in enumerate(batch["gt_class_ids"]):
        rows = np.flatnonzero(class_ids > 0)  # crowds are negative, padding is 0
        boxes = batch["gt_boxes"][i][rows][:, [1, 0, 3, 2]].astype(np.float32)
        targets.append(
            {
                "boxes": torch.from_numpy(boxes),
                "labels": torch.from_numpy(class_ids[rows].astype(np.int64)),
                "masks": torch.from_numpy(batch["gt_masks"][i][rows].astype(np.uint8)),
            }
        )
    return list(images), targets


def _predictions(
    torch: Any, model: Any, dataset: IMaterialistDataset, config: Config
) -> list[dict[str, Any]]:
    """COCO results of all images of a data set; images have their file names."""
    model.roi_heads.score_thresh = LEAST_SCORE
    rows: list[dict[str, Any]] = []
    for image_id in tqdm(dataset.image_ids, desc="torchvision, validation", mininterval=5):
        photo = dataset.load_image(int(image_id))
        placement = placement_for(config, photo.shape[:2])
        pixels = normalise(placement.image(photo), config.MEAN_PIXEL, config.PIXEL_STD)
        with torch.inference_mode():
            found = heads_only(model, [torch.from_numpy(pixels.transpose(2, 0, 1).copy())])[0]
        boxes = found["boxes"].numpy()[:, [1, 0, 3, 2]]
        result = {
            "boxes": placement.boxes_to_original(boxes),
            "class_ids": found["labels"].numpy(),
            "scores": found["scores"].numpy(),
            "mask_probabilities": found["masks"].numpy()[:, 0],
            "image_hw": photo.shape[:2],
        }
        name = dataset.image_info[int(image_id)]["id"]
        for row in coco_results(result, int(image_id), dataset.ontology):
            rows.append(row | {"image_id": name})
    return rows


if __name__ == "__main__":
    main()
