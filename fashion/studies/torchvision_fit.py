"""Trains torchvision's Mask R-CNN on the batches of this project, and predicts with it."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from fashion.evaluation.io.results import coco_results
from fashion.studies.torchvision_network import heads_only
from mrcnn.data.resize import normalise, placement_for
from mrcnn.typing import Array

LEAST_SCORE = 0.01  # of the predictions that AP ranks, as in `fashion evaluate`


def train(
    torch: Any, model: Any, batches: Any, config: Any, epochs: int, rate: float, folder: Path
) -> None:
    """Trains a network; an interrupted training resumes after its last epoch.

    Args:
        torch: The module.
        model: On its device; changed.
        batches: `mrcnn.data.batches.TrainingBatches`.
        config: OPTIMIZER, LR_SCHEDULE, WARMUP_STEPS, WEIGHT_DECAY and so on.
        epochs: Number of epochs.
        rate: The highest learning rate.
        folder: Receives checkpoint.pt after every epoch.

    Raises:
        FloatingPointError: The loss is not finite.
    """
    optimizer = _optimizer(torch, model, config, rate)
    total = epochs * len(batches)
    warmup = max(1, min(config.WARMUP_STEPS, total // 2))
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer,
        lambda step: share_of_rate(
            step, total, warmup, config.LR_SCHEDULE, config.LR_STEPS, config.LR_STEP_FACTOR
        ),
    )
    state = {"model": model, "optimizer": optimizer, "schedule": schedule}
    for epoch in range(_resumed(torch, state, folder), epochs):
        _train_epoch(torch, state, batches, epoch, config.GRADIENT_CLIP_NORM)
        _save(torch, state, epoch + 1, folder)


def share_of_rate(
    step: int,
    total: int,
    warmup: int,
    decay: str = "cosine",
    drops: tuple[float, ...] = (),
    factor: float = 0.1,
) -> float:
    """Computes a learning rate as a share of the highest one.

    Args:
        step: From 0.
        total: Steps in all.
        warmup: Steps of linear warm-up, at least 1.
        decay: "constant", "step" or "cosine".
        drops: Shares of `total` after which "step" multiplies the rate by `factor`.
        factor: See `drops`.

    Returns:
        The same as `mrcnn.training.optimizers.WarmupSchedule`.
    """
    share = 1.0
    if decay == "cosine":
        progress = max(0.0, (step - warmup) / max(1.0, total - warmup))
        share = 0.01 + 0.99 * 0.5 * (1.0 + math.cos(math.pi * min(1.0, progress)))
    elif decay == "step":
        share = factor ** sum(step >= round(drop * total) for drop in drops)
    return share * min(1.0, (step + 1) / warmup)


def _optimizer(torch: Any, model: Any, config: Any, rate: float) -> Any:
    """The optimizer of a config; biases do not decay, as in ours."""
    weights = [p for p in model.parameters() if p.requires_grad]
    groups = [
        {"params": [p for p in weights if p.ndim > 1], "weight_decay": config.WEIGHT_DECAY},
        {"params": [p for p in weights if p.ndim <= 1], "weight_decay": 0.0},
    ]
    if config.OPTIMIZER in ("sgd", "nesterov"):
        return torch.optim.SGD(
            groups,
            lr=rate,
            momentum=config.LEARNING_MOMENTUM,
            nesterov=config.OPTIMIZER == "nesterov",
        )
    if config.OPTIMIZER == "adamw":
        return torch.optim.AdamW(groups, lr=rate)
    if config.OPTIMIZER == "adam":
        return torch.optim.Adam([{**group, "weight_decay": 0.0} for group in groups], lr=rate)
    return torch.optim.RMSprop(groups, lr=rate, momentum=config.LEARNING_MOMENTUM)


def _resumed(torch: Any, state: dict[str, Any], folder: Path) -> int:
    """Loads the newest checkpoint, if any; the number of epochs that are done."""
    file = folder / "checkpoint.pt"
    if not file.exists():
        return 0
    device = next(state["model"].parameters()).device
    stored = torch.load(file, map_location=device)
    for name, part in state.items():
        part.load_state_dict(stored[name])
    torch.set_rng_state(stored["random"].cpu())
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
    device = next(model.parameters()).device
    bar = tqdm(range(len(batches)), desc=f"torchvision, epoch {epoch + 1}", mininterval=5)
    for index in bar:
        images, targets = as_torchvision(torch, batches.make(epoch, index), device)
        losses = model(images, targets)
        loss = sum(losses.values())
        value = float(loss.detach())
        if not math.isfinite(value):
            raise FloatingPointError(
                f"The loss of torchvision's network is {value} in epoch {epoch + 1}. Use a lower "
                "learning rate, or a longer warm-up."
            )
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        if clip_norm:
            torch.nn.utils.clip_grad_norm_(model.parameters(), clip_norm)
        optimizer.step()
        state["schedule"].step()
        bar.set_postfix(loss=f"{value:.3f}")


def as_torchvision(
    torch: Any, batch: Mapping[str, Array], device: Any = None
) -> tuple[list[Any], list[Any]]:
    """Converts a batch of this project.

    Args:
        torch: The module.
        batch: With full masks.
        device: Where tensors go; None for the CPU.

    Returns:
        Images `(3, H, W)` and targets: boxes xyxy, labels, masks. Crowds and padding are left out.
    """
    images = torch.from_numpy(batch["images"].transpose(0, 3, 1, 2).copy()).to(device)
    targets = []
    for i, class_ids in enumerate(batch["gt_class_ids"]):
        rows = np.flatnonzero(class_ids > 0)  # crowds are negative, padding is 0
        boxes = batch["gt_boxes"][i][rows][:, [1, 0, 3, 2]].astype(np.float32)
        targets.append(
            {
                "boxes": torch.from_numpy(boxes).to(device),
                "labels": torch.from_numpy(class_ids[rows].astype(np.int64)).to(device),
                "masks": torch.from_numpy(batch["gt_masks"][i][rows].astype(np.uint8)).to(device),
            }
        )
    return list(images), targets


def predictions(torch: Any, model: Any, dataset: Any, config: Any) -> list[dict[str, Any]]:
    """Predicts all images of a data set.

    Args:
        torch: The module.
        model: Trained network, in evaluation mode.
        dataset: `IMaterialistDataset`.
        config: Size of the input and normalization.

    Returns:
        COCO results; "image_id" is the number of the image in the data set.
    """
    model.roi_heads.score_thresh = LEAST_SCORE
    device = next(model.parameters()).device
    rows: list[dict[str, Any]] = []
    for image_id in tqdm(dataset.image_ids, desc="torchvision, validation", mininterval=5):
        photo = dataset.load_image(int(image_id))
        placement = placement_for(config, photo.shape[:2])
        pixels = normalise(placement.image(photo), config.MEAN_PIXEL, config.PIXEL_STD)
        tensor = torch.from_numpy(pixels.transpose(2, 0, 1).copy()).to(device)
        with torch.inference_mode():
            found = heads_only(model, [tensor])[0]
        found = {name: value.cpu().numpy() for name, value in found.items()}
        result = {
            "boxes": placement.boxes_to_original(found["boxes"][:, [1, 0, 3, 2]]),
            "class_ids": found["labels"],
            "scores": found["scores"],
            "mask_probabilities": found["masks"][:, 0],
            "image_hw": photo.shape[:2],
        }
        rows += coco_results(result, int(image_id), dataset.ontology)
    return rows
