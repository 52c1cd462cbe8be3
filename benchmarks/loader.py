"""How fast training examples are read, compared with the way Matterport's loader reads them.

    python benchmarks/loader.py --data ~/ccp                 photos as they are
    python benchmarks/loader.py --data ~/ccp --enlarged 4    4 times the size, as of telephones

Matterport's way is restated here: every mask in the size of the image, all of them in one array,
resized by scipy's zoom, boxed, and shrunk one by one by scikit-image; the image decoded whole and
resized by scikit-image. Both ways read the same images in turn, in one process, to 512 x 512 pixels
with mini-masks of 56 x 56, without augmentation, and are measured in CPU time. Then augmentation
and processes are added.
"""

if not __package__:  # run as a script: the repository, not this folder, belongs on the import path
    import sys

    sys.path[0] = __file__.rpartition("benchmarks")[0] or "."

import argparse
import csv
import os
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import skimage.io
import skimage.transform
from PIL import Image
from scipy import ndimage
from tqdm import tqdm

from fashion.augmentation import default_augmenter
from fashion.config import FashionConfig
from fashion.datasets.files import find_data
from fashion.datasets.splits import load_files
from fashion.formats import rle
from mrcnn.data.augmentation.pipeline import augmenter_of
from mrcnn.data.loading.batch_loader import BatchLoader, ExampleSpec, ProcessBatchLoader
from mrcnn.data.loading.load_example import Augmentation, load_example
from mrcnn.data.resize import make_placement, placement_for

SIDE, MINI = 512, (56, 56)


def main(argv=None):
    """Print the tables; returns {row: ratio}."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--data", required=True, type=Path, metavar="DIR", help="a data folder in Kaggle's layout"
    )
    parser.add_argument(
        "--photos",
        type=int,
        default=40,
        metavar="N",
        help="number of images (default: %(default)s)",
    )
    parser.add_argument(
        "--enlarged",
        type=int,
        default=1,
        metavar="K",
        help="enlarge photos and masks first (default: %(default)s)",
    )
    parser.add_argument(
        "--processes",
        type=int,
        default=2,
        metavar="P",
        help="processes that read them (default: %(default)s)",
    )
    args = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        dataset = photos_of(args.data, args.photos, args.enlarged, Path(folder))
        return report(dataset, args.processes)


def photos_of(data, count, enlarged, folder):
    """A data set of the first `count` images of train.csv, `enlarged` times, kept in `folder`."""
    files = find_data(data)
    dataset = load_files(files, files.train_csv, files.ontology(), check_images=False)
    dataset = dataset.subset([info["id"] for info in dataset.image_info[:count]])
    if enlarged == 1:
        return dataset
    (folder / "train").mkdir()
    with open(folder / "train.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["ImageId", "EncodedPixels", "Height", "Width", "ClassId", "AttributesIds"])
        for image_id in tqdm(dataset.image_ids, desc="enlarging", unit="photo"):
            height, width = (n * enlarged for n in dataset.image_hw(image_id))
            photo = Image.fromarray(dataset.load_image(image_id)).resize(
                (width, height), Image.Resampling.BICUBIC
            )
            photo.save(folder / "train" / f"{image_id}.jpg", quality=92)
            masks, class_ids = dataset.load_mask(image_id)
            for i, class_id in enumerate(class_ids):
                mask = masks[:, :, i].repeat(enlarged, axis=0).repeat(enlarged, axis=1)
                category = dataset.ontology.category_id_of(int(class_id))
                writer.writerow([str(image_id), rle.encode(mask), height, width, category, ""])
    files = find_data(folder)
    return load_files(files, files.train_csv, dataset.ontology, check_images=False)


def report(dataset, processes):
    """Measure, print, and return {row: how many times as fast}."""
    config = FashionConfig()
    config.NUM_CLASSES = dataset.num_classes
    ids = [int(i) for i in dataset.image_ids]
    sizes = np.array([dataset.image_hw(i) for i in ids])
    objects = [len(dataset.image_class_ids(i)) for i in ids]
    print(
        f"{len(ids)} photos of {np.median(np.prod(sizes, axis=1)) / 1e6:.1f} megapixels with "
        f"{np.mean(objects):.1f} objects each, to "
        f"{SIDE} x {SIDE}\n\n| what | Matterport's way | here | times as fast |\n|---|---|---|---|"
    )
    check(dataset, config, ids[:5])
    rows = {
        "masks: run lengths to mini-masks": (their_masks, our_masks),
        "the whole example": (their_example, our_example),
    }
    ratios = {}
    for name, ways in rows.items():
        theirs, ours = (
            statistics.median(seconds) for seconds in in_turn(ways, dataset, config, ids)
        )
        ratios[name] = theirs / ours
        print(
            f"| {name} | {theirs * 1e3:.1f} ms | {ours * 1e3:.1f} ms | {theirs / ours:.1f} |",
            flush=True,
        )
    augmenter = augmenter_of(default_augmenter())
    (seconds,) = in_turn(
        [lambda *a: load_example(*a, Augmentation(augmenter), np.random.default_rng(0))],
        dataset,
        config,
        ids,
    )
    print(
        "| the same, augmented (mirror, movement, light) | "
        f"| {statistics.median(seconds) * 1e3:.1f} ms | |"
    )
    rates(BatchLoader(dataset, config, augmenter), ids, processes)
    return ratios


def rates(examples, ids, processes):
    """Print how many augmented examples a second come from this process and from several."""
    jobs = [
        [
            ExampleSpec(position, ids[position % len(ids)], augmented=True)
            for position in range(start, start + 8)
        ]
        for start in range(0, 160, 8)
    ]
    start = time.perf_counter()
    for batch in jobs:
        examples.batch(batch)
    alone = 160 / (time.perf_counter() - start)
    many = ProcessBatchLoader(examples, processes)
    warm = [many.submit(jobs[0]) for _ in range(4 * processes)]
    [future.result() for future in warm]
    start = time.perf_counter()
    [future.result() for future in [many.submit(batch) for batch in jobs]]
    together = 160 / (time.perf_counter() - start)
    many.close()
    print(
        f"\n{processes} processes give {together / alone:.2f} times the augmented examples of one "
        f"process ({os.cpu_count()} cores here)."
    )


def in_turn(ways, dataset, config, ids):
    """CPU seconds of each image, a list for each way.

    The ways take turns, and the first image is read once before.
    """
    taken = [[] for _ in ways]
    for image_id in [ids[0], *ids]:
        for way, seconds in zip(ways, taken):
            start = time.process_time()
            way(dataset, image_id, config)
            seconds.append(time.process_time() - start)
    return [seconds[1:] for seconds in taken]


def our_masks(dataset, image_id, config):
    """(N, 56, 56) mini-masks."""
    return (
        dataset.load_runs(image_id)
        .to_canvas(placement_for(config, dataset.image_hw(image_id)))
        .minimise(MINI)
    )


def our_example(dataset, image_id, config):
    """The dict of `load_example`."""
    return load_example(dataset, image_id, config)


def their_masks(dataset, image_id, config):
    """(56, 56, N) bool, from masks that fill the photo."""
    size_hw = dataset.image_hw(image_id)
    stack = np.stack([rle.decode(runs, size_hw) for runs in dataset.runs(image_id)], axis=-1)
    scale, padding = their_scale(size_hw)
    stack = np.pad(ndimage.zoom(stack, [scale, scale, 1], order=0), padding, mode="constant")
    stack = stack[:, :, stack.any(axis=(0, 1))]
    mini = np.zeros((*MINI, stack.shape[2]), bool)
    for i in range(stack.shape[2]):
        mask = stack[:, :, i]
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        cut = mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].astype(bool)
        mini[:, :, i] = np.around(
            skimage.transform.resize(
                cut.astype(float), MINI, order=1, mode="constant", anti_aliasing=False
            )
        )
    return mini


def their_example(dataset, image_id, config):
    """Image, mini-masks, classes."""
    image = skimage.io.imread(dataset.image_info[image_id]["path"])
    scale, padding = their_scale(image.shape[:2])
    size = [round(n * scale) for n in image.shape[:2]]
    image = skimage.transform.resize(
        image, size, order=1, mode="constant", preserve_range=True, anti_aliasing=False
    )
    image = np.pad(image, padding, mode="constant").astype(np.uint8)
    return image, their_masks(dataset, image_id, config), dataset.image_class_ids(image_id)


def their_scale(size_hw):
    """The factor and the padding of Matterport's mode "square"."""
    placement = make_placement(size_hw, (SIDE, SIDE), "square", min_dim=SIDE)
    return min(1.0, SIDE / max(size_hw)) if max(size_hw) > SIDE else placement.scale, (
        *placement.padding,
        (0, 0),
    )


def check(dataset, config, ids):
    """Checks that both ways see the same masks.

    Their grids are half a pixel apart, so a mini-mask may differ along its edge.
    """
    for image_id in ids:
        ours, theirs = (
            our_masks(dataset, image_id, config).astype(bool),
            their_masks(dataset, image_id, config).transpose(2, 0, 1),
        )
        if len(ours) != len(theirs):
            continue  # one of them lost an object that is thinner than a pixel
        large = (
            dataset.load_runs(image_id)
            .to_canvas(placement_for(config, dataset.image_hw(image_id)))
            .areas
            >= 32**2
        )
        iou = (ours & theirs).sum(axis=(1, 2)) / np.maximum((ours | theirs).sum(axis=(1, 2)), 1)
        if large.any() and iou[large].min() < 0.85:
            raise AssertionError(
                f"image {image_id}: the mini-masks of the two ways overlap by "
                f"{iou[large].min():.2f} only"
            )


if __name__ == "__main__":
    main()
