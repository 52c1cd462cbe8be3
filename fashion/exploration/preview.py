"""Preview: what a training is about to see, on one page, to look at before it is begun."""

import dataclasses

import numpy as np

from fashion.pages.html import Page
from fashion.pages.overlays import OverlayRenderer
from mrcnn.data.loading.batch_loader import ExampleSpec
from mrcnn.drawing.grid import image_grid

PHOTOS, VARIANTS = 6, 4
_CELL = 300  # pixels, the longer side of one picture


def write_preview(folder, batches, ontology, photos=PHOTOS, variants=VARIANTS):
    """index.html in `folder`: some photos plain, and as `variants` of their turns in the training will have them; returns its path.

    batches: TrainingBatches of a data set with attributes
    """
    draw = OverlayRenderer(ontology, min_confidence=0)
    jobs = batches.jobs(np.arange(photos * variants))
    page = Page(
        "What the training sees",
        f"{len(batches.dataset.image_ids)} photos, {batches.config.NAME}, canvas of "
        f"{batches.config.image_hw[0]} × {batches.config.image_hw[1]} pixels",
    )
    page.text(
        "Each row is a photo: as it is, and as it comes to the network in some of its turns. What is drawn is what is taught: boxes, "
        f"categories, the attributes worth naming, and masks{cut_to(batches.config)}. Objects of which too little is left are not "
        "taught, nor drawn."
    )
    page.text(settings_sentence(batches.config))
    for row, image_id in enumerate(dict.fromkeys(job.image_id for job in jobs[:photos])):
        turns = [
            ExampleSpec(0, image_id),
            *(dataclasses.replace(job, image_id=image_id) for job in jobs[row::photos]),
        ]
        pictures = [draw(*example) for example in examples(batches, turns, ontology)]
        height, width = pictures[0].shape[:2]
        cell_hw = (
            round(_CELL * height / max(height, width)),
            round(_CELL * width / max(height, width)),
        )
        titles = [
            "as it is",
            *(
                "with objects of another" if job.partner is not None else "varied"
                for job in turns[1:]
            ),
        ]
        page.section(str(batches.dataset.image_info[image_id]["id"]))
        page.image(
            image_grid(pictures, titles, columns=len(pictures), cell_hw=cell_hw),
            wide=True,
            caption=f"{batches.dataset.image_info[image_id]['id']}, plain and in {len(turns) - 1} turns",
        )
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "index.html"
    page.write(path)
    return path


def cut_to(config):
    """Of the masks, in words."""
    return (
        f" as they are cut to {' × '.join(map(str, config.MINI_MASK_SHAPE))}"
        if config.USE_MINI_MASK
        else ""
    )


def settings_sentence(config):
    """The settings that vary photos, in a sentence."""
    jitter = (
        "a fixed scale"
        if config.SCALE_JITTER is None
        else "a scale of {:g} to {:g}".format(*config.SCALE_JITTER)
    )
    return (
        f"Photos come at {jitter} (SCALE_JITTER), {config.COPY_PASTE:.0%} of them with objects of another pasted in (COPY_PASTE), "
        f"{'augmented' if config.AUGMENT else 'not augmented'} (AUGMENT); objects with less than {config.MIN_VISIBLE_SHARE:.0%} of "
        "their pixels left are dropped (MIN_VISIBLE_SHARE)."
    )


def examples(batches, jobs, ontology):
    """(photo (H, W, 3) uint8, truth as a dict for `OverlayRenderer`) of each job."""
    batch = batches.read(jobs)
    for b, photo in enumerate(batch["images"]):
        real = batch["gt_class_ids"][b] > 0
        boxes, masks = batch["gt_boxes"][b][real], batch["gt_masks"][b][real].astype(np.float32)
        if not batches.config.USE_MINI_MASK:  # they fill the canvas
            masks = [mask[y1:y2, x1:x2] for mask, (y1, x1, y2, x2) in zip(masks, boxes.astype(int))]
        attributes = (
            batch["gt_attributes"][b][real]
            if "gt_attributes" in batch
            else np.zeros((real.sum(), 0))
        )
        yield (
            photo,
            {
                "boxes": boxes,
                "class_ids": batch["gt_class_ids"][b][real],
                "image_hw": photo.shape[:2],
                "mask_probabilities": masks,
                "attribute_scores": attributes,
                "attributes": [np.array(ontology.attribute_ids)[row > 0] for row in attributes],
            },
        )
