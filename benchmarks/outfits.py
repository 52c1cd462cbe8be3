"""Does `goes_with` know more than popularity? Leave one garment of each outfit out, and rank.

    python benchmarks/outfits.py --data DATA            # ground truth: val.csv against train.csv
    python benchmarks/outfits.py --index INDEX          # predictions: five folds of a catalogue

Of every outfit (image) that is held out, each garment is hidden once. We rank

* the other categories: is the hidden one among the first k?
* the garments of its category in the catalogue: is one with exactly its attributes among the first
  k different sets of attributes?

The baseline is popularity: categories, and sets of attributes of the category, by frequency.
95 % intervals and differences come from resampling outfits (percentile bootstrap).
"""

if not __package__:  # run as a script: the repository, not this folder, belongs on the import path
    import sys

    sys.path[0] = __file__.rpartition("benchmarks")[0] or "."

import argparse
from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np
from skimage.color import rgb2lab

from fashion.datasets.files import find_data
from fashion.datasets.imaterialist import load_imaterialist
from fashion.retrieval.garment import Garment, Match
from fashion.retrieval.outfits import Outfits, goes_with, look_of, parts_of
from mrcnn.drawing.tables import text_table

LAB_BINS, LAB_RANGE = (4, 6, 6), ((0, 100), (-60, 60), (-60, 60))
KS = (1, 5, 10)
FOLDS = 5


class MemoryIndex:
    """Garments with vectors in memory, searched by comparing with all.

    Args:
        garments: By number, from 0.
        vectors: `(n, D)` float32 of length 1.
    """

    def __init__(self, garments, vectors):
        self.listed, self.vectors, self.meta = list(garments), vectors, {"labels": {}}
        self._of_image = {}
        for garment in self.listed:
            self._of_image.setdefault(garment.image, []).append(garment)

    def garments(self):
        """All garments."""
        return iter(self.listed)

    def category_named(self, name):
        """A category as it is."""
        return name

    def vector(self, garment_id):
        """The vector of a garment."""
        return self.vectors[garment_id]

    def of_image(self, image):
        """The garments of an image."""
        return self._of_image.get(image, [])

    def search(self, vectors, k=20, *, category=None, attributes=(), exclude_images=()):
        """The most similar garments of each vector."""
        found = []
        for similarity in vectors @ self.vectors.T:
            matches = []
            for i in np.argsort(-similarity, kind="stable"):
                garment = self.listed[i]
                if len(matches) == k:
                    break
                if category in (None, garment.category) and garment.image not in exclude_images:
                    matches.append(Match(garment, float(similarity[i])))
            found.append(matches)
        return found


def ground_truth_index(data):
    """Reads a data set as a catalogue.

    The vector of an object joins its attributes and the square roots of a Lab histogram in its
    mask, with equal weight; its dot product is their mean cosine similarity.

    Args:
        data: Folder of a data set in Kaggle's layout.

    Returns:
        index: All objects of train.csv and val.csv.
        held_out: Images of val.csv.
    """
    files = find_data(data)
    ontology = files.ontology()
    garments, vectors, held_out = [], [], set()
    for csv_path in (files.train_csv, Path(data) / "val.csv"):
        dataset = load_imaterialist(csv_path, files.images_dir, ontology)
        for i, info in enumerate(dataset.image_info):
            if csv_path != files.train_csv:
                held_out.add(str(info["id"]))
            lab = rgb2lab(dataset.load_image(i)[::2, ::2])  # every second pixel is enough
            masks, class_ids = dataset.load_mask(i)
            (attributes,) = dataset.load_instance_fields(i).values()
            for j, class_id in enumerate(class_ids):
                inside = lab[masks[::2, ::2, j].astype(bool)]
                histogram, _ = np.histogramdd(inside, bins=LAB_BINS, range=LAB_RANGE)
                colors = np.sqrt(histogram.ravel() / max(histogram.sum(), 1))
                has = attributes[j] / max(np.linalg.norm(attributes[j]), 1)
                vector = np.concatenate([has, colors])
                vectors.append(vector / max(np.linalg.norm(vector), 1e-6))
                names = [ontology.attribute_names[t] for t in np.flatnonzero(attributes[j])]
                category = ontology.category_names[class_id - 1]
                size = len(inside) / lab[..., 0].size  # the larger shoe stands for both
                garments.append(
                    Garment(
                        len(garments),
                        str(info["id"]),
                        (0.0, 0.0, 1.0, 1.0),
                        category,
                        size,
                        dict.fromkeys(names, 1.0),
                        [],
                        None,
                    )
                )
    return MemoryIndex(garments, np.array(vectors, np.float32)), held_out


def outfits_of(garments, leave_out: Collection[str] = ()):
    """Groups garments by image, one of each category.

    Args:
        garments: Of a catalogue.
        leave_out: Categories that are not garments of their own.

    Returns:
        `{image: {category: garment}}` of images with two categories or more.
    """
    outfits: dict[str, dict[str, Garment]] = {}
    for garment in garments:
        if garment.category in leave_out:
            continue
        outfit = outfits.setdefault(garment.image, {})
        known = outfit.get(garment.category)
        if known is None or known.score < garment.score:
            outfit[garment.category] = garment
    return {image: outfit for image, outfit in outfits.items() if len(outfit) > 1}


def category_ranks(outfits: Outfits, outfit):
    """Ranks of each hidden category, by `Outfits.missing` and by popularity."""
    popular = list(outfits.popularity())
    rows = []
    for hidden in outfit:
        if hidden not in popular:
            continue
        rest = [name for name in outfit if name != hidden]
        ranked = [name for name, _ in outfits.missing(rest)]
        rows.append(
            (
                ranked.index(hidden) + 1,
                [name for name in popular if name not in rest].index(hidden) + 1,
            )
        )
    return rows


def attribute_ranks(index, counts, outfit, held_out):
    """Ranks of each hidden set of attributes, by `goes_with` and by popularity; inf if absent."""
    rows = []
    for hidden, garment in outfit.items():
        if hidden not in counts.looks:
            continue
        rest = [each for name, each in outfit.items() if name != hidden]
        found = goes_with(index, rest, hidden, 10**6, held_out, counts)
        ranked = list(dict.fromkeys(look_of(each.garment) for each in found))
        by_count = [names for names, _ in counts.looks[hidden].most_common()]
        # What no similar garment is worn with follows by popularity.
        ranked += [names for names in by_count if names not in set(ranked)]
        wanted = look_of(garment)
        rows.append(tuple(_rank(names, wanted) for names in (ranked, by_count)))
    return rows


def _rank(ranked, wanted):
    return ranked.index(wanted) + 1 if wanted in ranked else np.inf


def judge(index, folds: Sequence[Collection[str]], leave_out: Collection[str] = ()):
    """Hides each garment of each held-out outfit once.

    Args:
        index: A catalogue.
        folds: Sets of images that are held out together.
        leave_out: Categories that are not garments of their own.

    Returns:
        `{"category" or "attributes": rows of each outfit}`; a row is the rank by the model and by
        popularity.
    """
    everything = list(index.garments())
    outfits = outfits_of(everything, leave_out)
    found = {"category": [], "attributes": []}
    for fold in folds:
        held_out = set(fold)
        rest = [garment for garment in everything if garment.image not in held_out]
        # One of two shoes, as in the outfits that are judged.
        single = [each for outfit in outfits_of(rest).values() for each in outfit.values()]
        counts = Outfits(single, leave_out)
        for image in sorted(held_out):
            if image in outfits:
                found["category"].append(category_ranks(counts, outfits[image]))
                rows = attribute_ranks(index, counts, outfits[image], held_out)
                found["attributes"].append(rows)
    return found


def table_of(rows, samples=2000, seed=0):
    """Scores with intervals.

    Args:
        rows: Of each outfit, the ranks by the model and by popularity.
        samples: Of the bootstrap.
        seed: Of the bootstrap.

    Returns:
        A heading, and a row for each score.
    """
    rows = [row for row in rows if row]
    owner = np.repeat(np.arange(len(rows)), [len(row) for row in rows])
    ranks = np.array([pair for row in rows for pair in row], np.float64)
    draws = np.random.default_rng(seed).multinomial(
        len(rows), np.full(len(rows), 1 / len(rows)), samples
    )
    weights = draws[:, owner]  # (samples, hidden garments)
    table = [["score", "model", "popularity", "difference", "95 %"]]
    scores = {"MRR": 1 / ranks} | {f"recall@{k}": (ranks <= k).astype(float) for k in KS}
    for name, values in scores.items():
        model, baseline = values.mean(axis=0)
        sums = weights @ values / weights.sum(axis=1, keepdims=True)
        low, high = np.percentile(sums[:, 0] - sums[:, 1], [2.5, 97.5])
        interval = f"{low:+.3f} to {high:+.3f}"
        difference = f"{model - baseline:+.3f}"
        table.append([name, f"{model:.3f}", f"{baseline:.3f}", difference, interval])
    return table


def main(argv: Sequence[str] | None = None):
    """Judges and prints.

    Args:
        argv: Command line; that of the process by default.

    Returns:
        `{"category" or "attributes": table}`.
    """
    parser = argparse.ArgumentParser(
        prog="benchmarks/outfits.py",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--data", type=Path, help="data set in Kaggle's layout, with a val.csv")
    source.add_argument("--index", help="catalogue of `fashion catalogue`")
    parser.add_argument(
        "--train", action="store_true", help="--data: five folds of train.csv instead of val.csv"
    )
    args = parser.parse_args(argv)
    leave_out: set[str] = set()
    if args.data:
        index, held_out = ground_truth_index(args.data)
        folds = [held_out]
        if args.train:
            kept = [garment for garment in index.garments() if garment.image not in held_out]
            rows = [garment.id for garment in kept]
            kept = [Garment(i, *list(vars(each).values())[1:]) for i, each in enumerate(kept)]
            index = MemoryIndex(kept, index.vectors[rows])
            folds = folds_of(index)
    else:
        from fashion.retrieval.index import GarmentIndex

        index = GarmentIndex.open(args.index)
        leave_out = parts_of(index.meta["labels"])
        folds = folds_of(index)
    tables = {}
    for name, rows in judge(index, folds, leave_out).items():
        tables[name] = table_of(rows)
        number = sum(map(len, rows))
        print(f"\n{name} of {number:,} hidden garments in {sum(map(bool, rows)):,} outfits")
        print(text_table(tables[name]))
    return tables


def folds_of(index):
    """Splits the images of a catalogue into five parts, the same every time."""
    images = sorted({garment.image for garment in index.garments()})
    order = np.random.default_rng(0).permutation(len(images))
    return [[images[i] for i in order[part::FOLDS]] for part in range(FOLDS)]


if __name__ == "__main__":
    main()
