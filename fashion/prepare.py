"""Make a smaller copy of a data set.        python fashion/prepare.py --data ~/imaterialist --longest 1024 --out ~/imaterialist1024

Photos are shrunk so that their longer side is at most --longest, never enlarged, and every mask with them, from run lengths to run
lengths. The copy has the layout of the original, so that every verb takes it for --data. A killed run goes on with the photos that are
missing; the CSVs are written last.
"""

if not __package__:  # run as a script: the repository, not this folder, belongs on the import path
    import sys

    sys.path[0] = __file__.rpartition("fashion")[0] or "."

import argparse
import contextlib
import csv
import dataclasses
import os
import sys
from pathlib import Path

from tqdm import tqdm

from fashion.cli import add_data_arguments, open_files, run_verb, working_in
from fashion.datasets.copy_folder import CopyFolder, size_text
from fashion.datasets.files import list_images
from fashion.datasets.imaterialist import load_imaterialist
from fashion.datasets.resized_copy import copy_rows, encode_copy, header
from fashion.datasets.worker_processes import in_order
from fashion.formats.annotation_csv import BadRows
from mrcnn.files import atomic_path

SUBMITTED_2020 = 1024  # pixels of the longer side of a submitted mask


def main(argv=None):
    """Make the copy that the arguments ask for; returns its folder."""
    args = parse(argv)
    files = open_files(args.data)
    folder = CopyFolder(args.out, files, args.longest, args.quality)
    datasets = load(files, folder.csv_paths, args.skip_bad)
    folder.check_place()
    with working_in(folder.path, "prepare"):
        return fill(folder, files, datasets, args)


def fill(folder, files, datasets, args):
    """Make what is missing of a copy; returns its folder."""
    folder.begin()
    test_photos = list_images(files.test_images_dir) if files.test_images_dir else []
    photos = (
        list(
            dict.fromkeys(Path(info["path"]) for dataset in datasets for info in dataset.image_info)
        )
        + test_photos
    )
    folder.check_space(photos)

    tasks = [
        (k, image_id)
        for k, dataset in enumerate(datasets)
        for image_id in map(int, dataset.image_ids)
    ]
    results = in_order(
        Copier(folder, datasets, args.skip_bad),
        tasks + [(None, photo) for photo in test_photos],
        args.workers,
    )
    with contextlib.closing(results), contextlib.ExitStack() as stack:
        # Closed before they are renamed; each CSV gets its name when all photos are there.
        paths = [
            stack.enter_context(atomic_path(folder.path / path.name)) for path in folder.csv_paths
        ]
        streams = [
            stack.enter_context(open(path, "w", newline="", encoding="utf-8")) for path in paths
        ]
        masks, lost, faults = write(
            results, streams, header(files.year), len(tasks) + len(test_photos)
        )
        if faults and not args.skip_bad:
            raise ValueError(
                f"Photos that cannot be copied: {len(faults)}, see above; the others are finished. Replace them, or leave "
                "them out: --skip-bad."
            )
    report(folder, photos, masks, lost, faults)
    # Sides are rounded down here and there, so that rounding twice changes nothing where one size is a multiple of the other.
    if test_photos and files.year == 2020 and args.longest % SUBMITTED_2020:
        print(
            f"For a submission of 2020 use the original test photos: how many pixels its masks of {SUBMITTED_2020} have on their shorter "
            f"side cannot be told from photos of {args.longest}."
        )
    return folder.path


def parse(argv):
    parser = argparse.ArgumentParser(
        prog="fashion prepare",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_data_arguments(parser)
    parser.add_argument(
        "--out",
        type=Path,
        required=True,
        metavar="DIR",
        help="folder of the copy; an unfinished one is gone on with",
    )
    parser.add_argument(
        "--longest",
        type=int,
        default=1024,
        metavar="N",
        help="pixels that the longer side of a photo may have (default: %(default)s)",
    )
    parser.add_argument(
        "--quality",
        type=int,
        default=92,
        metavar="Q",
        help="of JPEGs, 1..100 (default: %(default)s)",
    )
    parser.add_argument(
        "--workers",
        type=int,
        default=os.cpu_count() or 1,
        metavar="W",
        help="processes (default: one a core)",
    )
    args = parser.parse_args(argv)
    for name, low, high in (("longest", 1, 65_500), ("quality", 1, 100), ("workers", 1, 256)):
        if not low <= getattr(args, name) <= high:
            raise ValueError(
                f"--{name} must lie between {low} and {high}. Got {getattr(args, name)}."
            )
    return args


def load(files, csv_paths, skip_bad):
    """The datasets of the CSVs. Raises ValueError with the wrong rows of all."""
    datasets, errors, ontology = [], [], files.ontology()
    for path in csv_paths:
        try:
            datasets.append(load_imaterialist(path, files.images_dir, ontology, skip_bad=skip_bad))
        except BadRows as error:
            errors.append(str(error))
    if errors:
        raise ValueError("\n".join(errors))
    return datasets


@dataclasses.dataclass(frozen=True)
class Copier:
    """Called with a task, it copies one photo, unless that is done: the dataset's number and the image's in it, or None and a test photo.

    Returns: rows of the CSV; how many of their masks kept one pixel only; what is wrong with the photo, or None. A broken photo has no
    rows; a broken test photo is copied as it is, because a submission speaks of all, if skip_bad.
    """

    folder: CopyFolder
    datasets: list
    skip_bad: bool

    def __call__(self, task):
        number, image_id = task
        photo, fault, annotated_hw = image_id, None, None
        if number is not None:
            photo, annotated_hw = (
                Path(self.datasets[number].image_info[image_id]["path"]),
                self.datasets[number].image_hw(image_id),
            )
        if not self.folder.has(photo):
            try:
                data = encode_copy(photo, self.folder.longest, self.folder.quality, annotated_hw)
            except OSError as error:
                fault = str(error)
                if number is not None or not self.skip_bad:
                    return [], 0, fault
                data = photo.read_bytes()
            with atomic_path(self.folder.place_of(photo), synced=False) as path:
                path.write_bytes(data)
        rows, lost = (
            ([], 0)
            if number is None
            else copy_rows(self.datasets[number], image_id, self.folder.longest)
        )
        return [(number, row) for row in rows], lost, fault


def write(results, streams, columns, total):
    """Write every result's rows to the stream of their dataset; returns the number of masks, of those lost, and the faults."""
    writers = [csv.writer(stream, lineterminator="\n") for stream in streams]
    for writer in writers:
        writer.writerow(columns)
    masks, all_lost, faults = 0, 0, []
    for rows, lost, fault in tqdm(results, total=total, unit="photo", desc="copying"):
        for number, row in rows:
            writers[number].writerow(row)
        masks, all_lost = masks + sum(bool(row[1]) for _, row in rows), all_lost + lost
        if fault:
            faults.append(fault)
            tqdm.write(fault, file=sys.stderr)
    for stream in streams:
        stream.flush()
    return masks, all_lost, faults


def report(folder, photos, masks, lost, faults):
    """Print what the copy holds and what it saves."""
    photos_before, photos_after, rows_before, rows_after = folder.sizes(photos)
    kept = f", {lost:,} of them smaller than a pixel of the copy and kept as one" if lost else ""
    print(
        f"{folder.path}: {len(photos) - len(faults):,} photos of at most {folder.longest} pixels, {masks:,} masks{kept}"
    )
    if faults:
        print(
            f"broken photos: {len(faults):,}, see above; they were left out with their masks, but test photos were copied as they are"
        )
    saved = photos_before + rows_before - photos_after - rows_after
    print(
        f"photos {size_text(photos_before)} -> {size_text(photos_after)}, annotations {size_text(rows_before)} -> "
        f"{size_text(rows_after)}: {size_text(abs(saved))} {'saved' if saved >= 0 else 'more'}\n"
        f"train on it: python fashion/train.py --data {folder.path}"
    )


if __name__ == "__main__":
    sys.exit(run_verb(main))
