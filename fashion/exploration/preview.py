"""Preview of a training: images and annotations as the network will see them, on one page."""

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fashion.labels.ontology import Ontology
from fashion.pages.html import Page
from fashion.pages.overlays import OverlayRenderer
from fashion.pages.text import count
from mrcnn.data.loading.batch_loader import ExampleSpec
from mrcnn.drawing.grid import image_grid
from mrcnn.typing import Array

if TYPE_CHECKING:  # these import Keras
    from fashion.config import FashionConfig
    from mrcnn.data.batches import TrainingBatches

_LEGEND = (
    "Each row shows an image without augmentation, then as the network will see it in several "
    "epochs. Drawn is the ground truth that the network is trained on: boxes, categories, "
    "attributes, and masks{masks}. Objects with too little left are neither trained on nor drawn."
)
_CELL = 300  # pixels, longer side of one overlay


def write_preview(
    folder: Path,
    batches: "TrainingBatches",
    ontology: Ontology,
    num_images: int = 6,
    num_variants: int = 4,
) -> Path:
    """Writes a page of images, original and as several epochs of training will vary them.

    Args:
        folder: The page is its index.html.
        batches: Of a data set with attributes.
        ontology: Label list.
        num_images: Rows of the page.
        num_variants: Variants of each image.

    Returns:
        Path of the page.
    """
    draw = OverlayRenderer(ontology, min_confidence=0)
    jobs = batches.specs(np.arange(num_images * num_variants))
    config: Any = batches.config  # a FashionConfig
    dataset = batches.dataset
    page = Page(
        "What the training sees",
        f"{count(len(dataset.image_ids), 'image')}, {config.NAME}, network input "
        f"{config.image_hw[0]} × {config.image_hw[1]} pixels",
    )
    page.text(_LEGEND.format(masks=_mini_masks(config)), settings_summary(config))
    for row, image_id in enumerate(dict.fromkeys(job.image_id for job in jobs[:num_images])):
        variants = [ExampleSpec(0, image_id)]
        titles = ["original"]
        for job in jobs[row::num_images]:
            variants.append(dataclasses.replace(job, image_id=image_id))
            titles.append("varied" if job.partner is None else "with pasted objects")
        overlays = [draw(*example) for example in examples(batches, variants, ontology)]
        height, width = overlays[0].shape[:2]
        scale = _CELL / max(height, width)
        cell_hw = round(scale * height), round(scale * width)
        name = str(dataset.image_info[image_id]["id"])
        page.section(name)
        page.image(
            image_grid(overlays, titles, columns=len(overlays), cell_hw=cell_hw),
            f"{name}: original and {len(variants) - 1} variants",
            wide=True,
        )
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "index.html"
    page.write(path)
    return path


def _mini_masks(config: "FashionConfig") -> str:
    if not config.USE_MINI_MASK:
        return ""
    return f" as cropped to {' × '.join(map(str, config.MINI_MASK_SHAPE))} pixels"


def settings_summary(config: "FashionConfig") -> str:
    """Returns the settings that vary images, in words.

    Args:
        config: Settings of the training.

    Returns:
        Two sentences.
    """
    if config.SCALE_JITTER is None:
        scale = "a fixed scale"
    else:
        scale = "a scale of {:g} to {:g}".format(*config.SCALE_JITTER)
    return (
        f"Images have {scale} (SCALE_JITTER) and are "
        f"{'augmented' if config.AUGMENT else 'not augmented'} (AUGMENT); "
        f"{config.COPY_PASTE:.0%} have objects of another image pasted in (COPY_PASTE). "
        f"Objects with less than {config.MIN_VISIBLE_SHARE:.0%} of their pixels left are dropped "
        "(MIN_VISIBLE_SHARE)."
    )


def examples(
    batches: "TrainingBatches", jobs: Sequence[ExampleSpec], ontology: Ontology
) -> Iterator[tuple[Array, dict[str, Any]]]:
    """Yields images with the ground truth that the network is trained on.

    Args:
        batches: Reads the examples.
        jobs: Which examples.
        ontology: Label list.

    Yields:
        `(H, W, 3)` uint8 RGB, and ground truth as `OverlayRenderer` draws it.
    """
    batch = batches.load(jobs)
    for b, image in enumerate(batch["images"]):
        valid = batch["gt_class_ids"][b] > 0
        boxes, masks = batch["gt_boxes"][b][valid], batch["gt_masks"][b][valid].astype(np.float32)
        if not batches.config.USE_MINI_MASK:  # full masks fill the canvas, mini-masks their box
            masks = [mask[y1:y2, x1:x2] for mask, (y1, x1, y2, x2) in zip(masks, boxes.astype(int))]
        if "gt_attributes" in batch:
            attributes = batch["gt_attributes"][b][valid]
        else:
            attributes = np.zeros((valid.sum(), 0))
        ground_truth = {
            "boxes": boxes,
            "class_ids": batch["gt_class_ids"][b][valid],
            "image_hw": image.shape[:2],
            "mask_probabilities": masks,
            "attribute_scores": attributes,
            "attributes": [np.array(ontology.attribute_ids)[row > 0] for row in attributes],
        }
        yield image, ground_truth
