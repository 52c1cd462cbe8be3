"""What opening a data set costs, the first time and later.

    python benchmarks/index.py [--rows 333415] [--folder DIR]

Draws a CSV and images of iMaterialist 2020's size (3 GB; 45,625 images that are headers only) and
deletes them afterwards. Measures, each in its own process: the first index of the CSV, the first
scan of the images, later starts, and a worker that gets the pickled data set. Seconds are without
imports; memory is the most that was resident, imports and shared pages included. The disk's cache
is warm: the files have just been written.
"""

if not __package__:  # run as a script: the repository, not this folder, belongs on the import path
    import sys

    sys.path[0] = __file__.rpartition("benchmarks")[0] or "."

import argparse
import io
import json
import os
import pickle
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.category_counts import CATEGORY_COUNTS
from fashion.datasets.imaterialist import load_imaterialist
from fashion.formats.annotation_csv import read_annotations
from fashion.labels.ontology import official

ROWS, PHOTOS, RUNS, LABELS = (
    333_415,
    45_625,
    745,
    761_513,
)  # of the real data: masks, photos, runs a mask, attributes in all
SIDES = (600, 3000)  # shortest and longest side of a photo, pixels
# Images that are drawn, each with at most this many masks; they repeat under other ids.
KINDS, MOST_MASKS = 64, 8
RESULT = "measured: "  # starts the line on which a process hands over its numbers
STEPS = (
    ("first index of the CSV", "index"),
    ("the CSV again", "index"),
    ("first look at the photos", "load"),
    ("later starts, photos checked", "load"),
    ("a worker gets the data set", "worker"),
)


def main(argv=None):
    parser = argparse.ArgumentParser(
        prog="benchmarks/index.py",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--rows",
        type=int,
        default=ROWS,
        help="rows of the CSV; photos in proportion (default: %(default)s)",
    )
    parser.add_argument(
        "--folder",
        type=Path,
        help="where the files are drawn (default: the folder for temporary files)",
    )
    parser.add_argument("--measure", choices=("index", "load", "worker"), help=argparse.SUPPRESS)
    args = parser.parse_args(argv)
    if args.measure:
        print(RESULT + json.dumps(measure(args.measure, args.folder)))
        return
    folder = Path(tempfile.mkdtemp(prefix="index-", dir=args.folder))
    try:
        start = time.perf_counter()
        draw(folder, args.rows)
        print(
            f"drawn in {time.perf_counter() - start:.0f} s: {args.rows:,} rows, "
            f"{(folder / 'train.csv').stat().st_size / 1e9:.2f} GB"
        )
        print(table([(name, run_apart(step, folder)) for name, step in STEPS]))
    finally:
        shutil.rmtree(folder)


# Drawing


def draw(folder, rows, seed=0):
    """Write train.csv with this number of rows, and its photos into train/."""
    rng = np.random.default_rng(seed)
    photos = max(round(rows * PHOTOS / ROWS), 1)
    kinds = [_photo(rng) for _ in range(KINDS)]
    ends = [end for _ in range(-(-rows // 20_000)) for end in _row_ends(rng, 20_000)]
    first = np.linspace(0, rows, photos + 1).astype(int)  # 7 or 8 masks a photo
    (folder / "train").mkdir()
    with open(folder / "train.csv", "wb") as file:
        file.write(b"ImageId,EncodedPixels,Height,Width,ClassId,AttributesIds\n")
        for photo in range(photos):
            name, (header, masks) = rng.bytes(16).hex(), kinds[photo % KINDS]
            (folder / "train" / f"{name}.jpg").write_bytes(header)
            for row, mask in zip(range(first[photo], first[photo + 1]), masks):
                file.write(name.encode() + mask + ends[row])


def _photo(rng):
    """An image: a small JPEG whose header has that size, and ",runs,height,width," of its masks."""
    height, width = (int(side) for side in rng.integers(*SIDES, 2))
    stored = io.BytesIO()
    Image.new("RGB", (8, 8)).save(stored, "JPEG")
    jpeg = bytearray(stored.getvalue())
    frame = jpeg.index(b"\xff\xc0") + 5  # start of frame: length, precision, then height and width
    jpeg[frame : frame + 4] = height.to_bytes(2, "big") + width.to_bytes(2, "big")
    return bytes(jpeg), [
        b",%s,%d,%d," % (_runs(rng, height * width), height, width) for _ in range(MOST_MASKS)
    ]


def _runs(rng, pixels):
    """Run lengths of a mask: like real ones a few hundred, sometimes thousands."""
    count = int(np.clip(rng.lognormal(np.log(RUNS) - 0.5), 3, 20_000))
    place = pixels // 2 // count  # half of the photo, a place for each run
    starts = rng.integers(0, pixels // 2) + np.arange(count) * place
    lengths = rng.integers(1, np.clip(place, 2, 400), count)
    return " ".join(map(str, np.stack([starts + 1, lengths], axis=1).ravel().tolist())).encode()


def _row_ends(rng, count):
    """Ends of rows, "category,attributes": as frequent as the real ones."""
    ontology, frequency = official(2020), np.array(CATEGORY_COUNTS)
    carrying = np.isin(np.arange(46), ontology.attribute_category_ids)
    categories = rng.choice(46, count, p=frequency / frequency.sum())
    number = np.where(
        carrying[categories], rng.poisson(LABELS / frequency[carrying].sum(), count), 0
    )
    drawn = rng.choice(ontology.attribute_ids, (count, 14))
    return [
        b'%d,"%s"\n' % (category, ",".join(map(str, sorted(set(row[:n])))).encode())
        if n
        else b"%d,\n" % category
        for category, row, n in zip(categories.tolist(), drawn.tolist(), number.tolist())
    ]


# Measuring


def run_apart(step, folder):
    """`measure` in a fresh process -> its numbers."""
    command = [
        sys.executable,
        str(Path(__file__).resolve()),
        "--measure",
        step,
        "--folder",
        str(folder),
    ]
    done = subprocess.run(
        command,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        env=os.environ | {"FASHION_CACHE_DIR": str(folder)},
    )
    return json.loads(done.stdout.splitlines()[-1].removeprefix(RESULT))


def measure(step, folder):
    """Seconds and most resident memory in MB of a step: "index", "load" or "worker".

    The worker reads what "load" pickled.
    """
    csv, start, cpu = folder / "train.csv", time.perf_counter(), time.process_time()
    if step == "index":
        read_annotations(csv, official(2020))
    elif step == "load":
        dataset = load_imaterialist(csv, folder / "train", official(2020))
    else:
        dataset = pickle.loads((folder / "dataset.pickle").read_bytes())
        dataset.runs(dataset.num_images - 1)
    found = {
        "seconds": time.perf_counter() - start,
        "cpu": time.process_time() - cpu,
        "peak_mb": peak_mb(),
    }
    if step == "load":
        sent = pickle.dumps(dataset)
        (folder / "dataset.pickle").write_bytes(sent)
        found["pickled_kb"] = len(sent) / 1e3
    return found


def peak_mb():
    """The most memory that this process had resident.

    Linux's getrusage remembers that of the process which started it, too.
    """
    status = Path("/proc/self/status")
    if status.exists():
        return int(status.read_text().partition("VmHWM:")[2].split()[0]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (
        1 << 20 if sys.platform == "darwin" else 1 << 10
    )


def table(rows):
    """A Markdown table of (name, numbers) of each step, in the order of STEPS, and ratios."""
    lines = [
        "| step | seconds | of a CPU | peak memory, MB | pickled, kB |",
        "|---|---|---|---|---|",
    ]
    lines += [
        f"| {name} | {found['seconds']:.2f} | {found['cpu']:.2f} | {found['peak_mb']:.0f} "
        f"| {found.get('pickled_kb', 0) or '':.4} |"
        for name, found in rows
    ]
    seconds = [found["seconds"] for _, found in rows]
    return "\n".join(
        [
            *lines,
            "",
            f"first to later: CSV {seconds[0] / seconds[1]:.0f} times, "
            f"photos {seconds[2] / seconds[3]:.1f} times",
        ]
    )


if __name__ == "__main__":
    main()
