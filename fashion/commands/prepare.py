"""Body of `prepare`: copies images and annotations at a smaller size, and resumes."""

import argparse
import contextlib
import csv
import dataclasses
import shlex
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, TextIO

from tqdm import tqdm

from fashion.cli.data import open_files
from fashion.cli.interrupts import resumable
from fashion.cli.locks import working_in
from fashion.datasets.copy_folder import CopyFolder, size_text
from fashion.datasets.files import DataFiles, list_images
from fashion.datasets.imaterialist import IMaterialistDataset, load_imaterialist
from fashion.datasets.resized_copy import copy_rows, encode_copy, header
from fashion.datasets.worker_processes import in_order
from fashion.formats.bad_rows import load_together
from mrcnn.files import atomic_path

SUBMITTED_2020 = 1024  # pixels of the longer side of a submitted mask

# A row of a CSV, and the number of its data set.
Row = tuple[int, list[Any]]


def run(args: argparse.Namespace) -> Path:
    """Makes the copy that the arguments ask for.

    Args:
        args: Result of `fashion.prepare.parse`.

    Returns:
        Its folder.
    """
    files = open_files(args.data)
    folder = CopyFolder(args.out, files, args.imgsz, args.quality)
    datasets = load(files, folder.csv_paths, args.skip_bad)
    folder.check_place()
    with working_in(folder.path, "prepare"), resumable():
        return fill(folder, files, datasets, args)


def fill(
    folder: CopyFolder,
    files: DataFiles,
    datasets: Sequence[IMaterialistDataset],
    args: argparse.Namespace,
) -> Path:
    """Makes what is missing of a copy.

    Args:
        folder: Folder of the copy.
        files: Files of the original.
        datasets: A data set for each CSV.
        args: Result of `fashion.prepare.parse`.

    Returns:
        The folder.

    Raises:
        ValueError: Images cannot be copied, and --skip-bad was not given.
    """
    folder.begin()
    test_images = list_images(files.test_images_dir) if files.test_images_dir else []
    annotated: dict[Path, None] = {}  # a dict: an image may be in both CSVs
    for dataset in datasets:
        annotated |= dict.fromkeys(Path(info["path"]) for info in dataset.image_info)
    tasks = _tasks(datasets, test_images)
    images = [*annotated, *test_images]
    folder.check_space(images)

    results: Any = in_order(Copier(folder, list(datasets), args.skip_bad), tasks, args.workers)
    with contextlib.closing(results), contextlib.ExitStack() as stack:
        # Each CSV gets its name when all images are there; the streams are closed before that.
        paths = [
            stack.enter_context(atomic_path(folder.path / path.name)) for path in folder.csv_paths
        ]
        streams = [
            stack.enter_context(open(path, "w", newline="", encoding="utf-8")) for path in paths
        ]
        masks, lost, faults = write(results, streams, header(files.year), len(tasks))
        if faults and not args.skip_bad:
            raise ValueError(
                f"Photos that cannot be copied: {len(faults)}, see above; the others are finished. "
                "Replace them, or leave them out: --skip-bad."
            )
    report(folder, images, masks, lost, faults)
    if test_images and files.year == 2020 and args.imgsz % SUBMITTED_2020:
        _advise_original_test_images(args.imgsz)
    return folder.path


def _advise_original_test_images(longest):
    # Sides are rounded down at both steps: rounding twice changes nothing where one size is a
    # multiple of the other.
    print(
        f"For a submission of 2020 use the original test photos: photos of {longest} do not show "
        f"how many pixels its masks of {SUBMITTED_2020} have on their shorter side."
    )


def _tasks(datasets, test_images):
    """Tasks of `Copier`: every image of every data set, then the test images."""
    tasks: list[tuple[int | None, Any]] = []
    for number, dataset in enumerate(datasets):
        tasks += [(number, image_id) for image_id in map(int, dataset.image_ids)]
    return tasks + [(None, image) for image in test_images]


def load(files: DataFiles, csv_paths: Iterable[Path], skip_bad: bool) -> list[IMaterialistDataset]:
    """Loads the data sets of the CSVs.

    Args:
        files: Files of the original.
        csv_paths: The CSVs.
        skip_bad: Whether bad rows are left out.

    Returns:
        A data set for each CSV.

    Raises:
        ValueError: Rows are wrong; lists those of all CSVs.
    """
    ontology = files.ontology()
    return load_together(
        csv_paths,
        lambda path: load_imaterialist(path, files.images_dir, ontology, skip_bad=skip_bad),
    )


@dataclasses.dataclass(frozen=True)
class Copier:
    """Copies images, in worker processes.

    Attributes:
        folder: Folder of the copy.
        datasets: Data sets of the original.
        skip_bad: Whether an unreadable test image is copied as it is: a submission needs a row
            for every image.
    """

    folder: CopyFolder
    datasets: list[IMaterialistDataset]
    skip_bad: bool

    def __call__(self, task: tuple[int | None, Any]) -> tuple[list[Row], int, str | None]:
        """Copies an image, unless that is done.

        Args:
            task: Number of the data set and internal image id, or None and the path of a test
                image.

        Returns:
            rows: Rows of the CSV; none for an unreadable image.
            lost: Masks smaller than a pixel of the copy, which were kept as one pixel.
            fault: What is wrong with the image, or None.
        """
        number, image_id = task
        dataset = None if number is None else self.datasets[number]
        image, annotated_hw = image_id, None
        if dataset is not None:
            image = Path(dataset.image_info[image_id]["path"])
            annotated_hw = dataset.image_hw(image_id)
        fault = None
        if not self.folder.has(image):
            try:
                data = encode_copy(image, self.folder.longest, self.folder.quality, annotated_hw)
            except OSError as error:
                fault = str(error)
                if dataset is not None or not self.skip_bad:
                    return [], 0, fault
                data = image.read_bytes()
            with atomic_path(self.folder.place_of(image), synced=False) as path:
                path.write_bytes(data)
        if number is None or dataset is None:
            return [], 0, fault
        rows, lost = copy_rows(dataset, image_id, self.folder.longest)
        return [(number, row) for row in rows], lost, fault


def write(
    results: Iterable[tuple[list[Row], int, str | None]],
    streams: Sequence[TextIO],
    columns: Sequence[str],
    total: int,
) -> tuple[int, int, list[str]]:
    """Writes the rows of all images to the CSV of their data set.

    Args:
        results: Results of `Copier`.
        streams: The CSV of each data set.
        columns: Header of the CSVs.
        total: Number of images.

    Returns:
        masks: Number of masks.
        lost: Number of masks kept as one pixel.
        faults: What is wrong with unreadable images.
    """
    writers = [csv.writer(stream, lineterminator="\n") for stream in streams]
    for writer in writers:
        writer.writerow(columns)
    masks, all_lost, faults = 0, 0, []
    for rows, lost, fault in tqdm(results, total=total, unit="image", desc="copying"):
        for number, row in rows:
            writers[number].writerow(row)
            masks += bool(row[1])
        all_lost += lost
        if fault:
            faults.append(fault)
            tqdm.write(fault, file=sys.stderr)
    for stream in streams:
        stream.flush()
    return masks, all_lost, faults


def report(
    folder: CopyFolder, images: Sequence[Path], masks: int, lost: int, faults: Sequence[str]
) -> None:
    """Prints what the copy holds and what it saves.

    Args:
        folder: Folder of the copy.
        images: All images.
        masks: Number of masks.
        lost: Number of masks kept as one pixel.
        faults: What is wrong with unreadable images.
    """
    images_before, images_after, rows_before, rows_after = folder.sizes(images)
    kept = f", {lost:,} of them smaller than a pixel of the copy and kept as one" if lost else ""
    print(
        f"{folder.path}: {len(images) - len(faults):,} photos of at most {folder.longest} pixels, "
        f"{masks:,} masks{kept}"
    )
    if faults:
        print(
            f"broken photos: {len(faults):,}, see above; they were left out with their masks, but "
            "test photos were copied as they are"
        )
    saved = images_before + rows_before - images_after - rows_after
    print(
        f"photos {size_text(images_before)} -> {size_text(images_after)}, "
        f"annotations {size_text(rows_before)} -> {size_text(rows_after)}: "
        f"{size_text(abs(saved))} {'saved' if saved >= 0 else 'more'}\n"
        f"next: {shlex.join(['fashion', 'train', '--data', str(folder.path)])}"
    )
