"""How well similar garments are found, and how fast.

    python benchmarks/retrieval.py --data CCP --weights weights/ccp.h5 [--fit-images 200]
    python benchmarks/retrieval.py --speed [--garments 100000] [--dimension 296]

Quality: each object of the validation photos searches for the ten most similar objects of all other
validation photos (leave one image out). The model has seen none of them in training. Boxes are the
true ones; masks, scores and features are the model's. Printed for each kind of vector, with 95 %
intervals (2,000 samples of images with replacement):

* Jaccard: mean Jaccard index of the true attributes, neighbors of the same category only;
* equal: share of neighbors with exactly the same attributes, the same neighbors;
* category: share of neighbors of the same category, all objects searched;
* copy: share of objects whose photo, mirrored and in another light, has them among the five most
  similar of all objects. The original photos are in the index here.

With --fit-images, mean and plane of the features are measured on as many photos of train.csv, since
the validation photos are too few for a plane.

Speed: random vectors, and vectors with the structure that features of networks have (24 hidden
numbers and noise), one query at a time on one thread; CPU time, so other processes count little.
Writes no file.
"""

if not __package__:  # run as a script: the repository, not this folder, belongs on the import path
    import sys

    sys.path[0] = __file__.rpartition("benchmarks")[0] or "."

import argparse
import dataclasses
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fashion.cli.evaluation_input import open_split
from fashion.datasets.files import find_data
from fashion.datasets.imaterialist import IMaterialistDataset
from fashion.evaluation.io.results import boxes_of
from fashion.formats.model_files import model_in
from fashion.retrieval.embedding import GarmentEmbedder, load_embedding_model
from fashion.retrieval.nearest import Nearest, write_vectors
from fashion.retrieval.vectors import WEIGHTS, GarmentParts, VectorSpace, fit_space, unit
from mrcnn.typing import Array

NEIGHBORS, COPY_RANK = 10, 5
SAMPLES = 2000
# Light of the copies: a yellow lamp, and a darker exposure.
LIGHT, GAMMA = (1.08, 1.0, 0.86), 1.25
# Weights of features, attributes and colors that are compared.
COMPARED = ((2, 1, 1), (1, 1, 1), (1, 2, 1), (1, 1, 2), (4, 1, 1), (2, 2, 1), (1, 1, 0))
QUERIES, HIDDEN, NOISE = 200, 24, 0.1
MOST_EXACT_MS, MOST_GRAPH_MS, LEAST_RECALL = 15, 1, 0.95


@dataclasses.dataclass(frozen=True)
class Objects:
    """N true objects.

    Attributes:
        images: `(N,)` int, number of the image of each.
        categories: `(N,)` int, true category ids.
        attributes: True attribute ids of each.
        parts: What their vectors are made of.
    """

    images: Array
    categories: Array
    attributes: list[frozenset[int]]
    parts: GarmentParts


def main(argv: Sequence[str] | None = None) -> None:
    """Measures and prints.

    Args:
        argv: Command line; that of the process by default.
    """
    parser = argparse.ArgumentParser(
        prog="benchmarks/retrieval.py",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--data", help="data set with val.csv")
    parser.add_argument("--weights", default="ccp")
    parser.add_argument("--limit", type=int, help="validation photos (default: all)")
    parser.add_argument("--fit-images", type=int, default=0, metavar="N")
    parser.add_argument("--speed", action="store_true", help="measure searches")
    parser.add_argument("--garments", type=int, default=100_000)
    parser.add_argument("--dimension", type=int, default=296)
    args = parser.parse_args(argv)
    if args.data:
        measure_quality(args)
    if args.speed:
        measure_speed(args.garments, args.dimension)


def measure_quality(args: argparse.Namespace) -> None:
    """Describes the objects, compares vectors, and prints a table.

    Args:
        args: With `data`, `weights`, `limit` and `fit_images`.
    """
    embedder = GarmentEmbedder(load_embedding_model(model_in(args.weights)))
    files = find_data(args.data)
    dataset = open_split(files, "val.csv", embedder.model.ontology, skip_bad=True)
    ids = [int(i) for i in dataset.image_ids][: args.limit]
    objects = described(embedder, dataset, ids)
    copies = described(embedder, dataset, ids, copy=True)
    print(f"{len(objects.images)} objects of {len(ids)} validation photos")
    fitted = objects.parts.features
    if args.fit_images:
        train = open_split(files, "train.csv", embedder.model.ontology, skip_bad=True)
        some = [int(i) for i in train.image_ids][: args.fit_images]
        fitted = described(embedder, train, some).parts.features
        print(f"mean and plane are those of {len(fitted)} objects of {len(some)} training photos")
    print(f"{'vector':<34} {'Jaccard':^20} {'equal':^20} {'category':^20} {'copy':^20}")
    perfect = true_vectors(objects.attributes)
    kinds = [("true attributes (upper bound)", perfect, perfect)]
    for name, vectors, of_copies in [*kinds, *compared(objects.parts, copies.parts, fitted)]:
        numbers = judged(objects, vectors, of_copies)
        cells = " ".join(f"{interval(values, objects.images):^20}" for values in numbers)
        print(f"{name:<34} {cells}", flush=True)


def described(
    embedder: GarmentEmbedder, dataset: IMaterialistDataset, ids: Sequence[int], copy: bool = False
) -> Objects:
    """Describes the true objects of photos.

    Args:
        embedder: The model.
        dataset: The photos.
        ids: Of the photos.
        copy: Whether to mirror the photos and change their light.

    Returns:
        The objects, in one order for photos and copies.
    """
    rows: dict[int, list[dict[str, Any]]] = {i: [] for i in ids}
    for row in dataset.to_coco(ids)["annotations"]:
        if not row.get("iscrowd"):
            rows[row["image_id"]].append(row)
    class_id_of = embedder.model.ontology.class_id_of
    found = []
    for i in ids:
        image, boxes = dataset.load_image(i), boxes_of(rows[i]).astype(np.float32)
        if copy:
            image, boxes = copied(image, boxes)
        class_ids = np.array([class_id_of(row["category_id"]) for row in rows[i]], np.int32)
        (result,) = embedder.model.describe([image], [boxes], [class_ids])
        found.append(embedder.parts(image, result))
    flat = [row for i in ids for row in rows[i]]
    columns = []
    for field in dataclasses.fields(GarmentParts):
        columns.append(np.concatenate([getattr(parts, field.name) for parts in found]))
    return Objects(
        np.array([row["image_id"] for row in flat]),
        np.array([row["category_id"] for row in flat]),
        [frozenset(row["attribute_ids"]) for row in flat],
        GarmentParts(*columns),
    )


def copied(image: Array, boxes: Array) -> tuple[Array, Array]:
    """Mirrors a photo and changes its light.

    Args:
        image: `(H, W, 3)` uint8.
        boxes: `(N, 4)` yxyx.

    Returns:
        The copy and the boxes in it.
    """
    y1, x1, y2, x2 = boxes.T
    width = image.shape[1]
    light = 255 * (image[:, ::-1] / 255) ** GAMMA * LIGHT
    mirrored = np.stack([y1, width - x2, y2, width - x1], axis=1)
    return np.clip(light, 0, 255).astype(np.uint8), mirrored.astype(np.float32)


def true_vectors(attributes: Sequence[frozenset[int]]) -> Array:
    """Makes the vectors of a model that predicts all attributes correctly.

    Args:
        attributes: True attribute ids of each object.

    Returns:
        `(N, T)` float32 of length 1, or of length 0 without attributes: a number for each attribute
        that occurs.
    """
    occurring = sorted(frozenset().union(*attributes))
    has = np.zeros((len(attributes), len(occurring)), np.float32)
    for row, own in zip(has, attributes, strict=True):
        row[[occurring.index(attribute) for attribute in own]] = 1
    return unit(has)


def compared(parts: GarmentParts, copies: GarmentParts, fitted: Array) -> list[tuple]:
    """Makes the vectors that are compared.

    Args:
        parts: Of N objects.
        copies: Of their copies.
        fitted: `(M, F)` features that mean and plane are measured on.

    Returns:
        (name, vectors `(N, D)`, those of the copies) of each kind; None for random ones.
    """
    mean = fitted.mean(axis=0)
    kinds: list[tuple] = [("random", None, None)]
    kinds.append(("colors alone (baseline)", parts.colors, copies.colors))
    kinds.append(("attributes alone", unit(parts.attributes), unit(copies.attributes)))
    kinds.append(("features alone", parts.features, copies.features))
    centred = unit(parts.features - mean), unit(copies.features - mean)
    kinds.append(("features alone, centered", *centred))
    for weights in COMPARED:
        named = dict(zip(WEIGHTS, map(float, weights), strict=True))
        space = VectorSpace(mean, None, named)
        name = "combined " + " : ".join(map(str, weights))
        kinds.append((name, space.combine(parts), space.combine(copies)))
    whole = fit_space(fitted, len(fitted))
    if whole.plane is not None:
        for size in (64, whole.plane.shape[1]):
            space = dataclasses.replace(whole, plane=whole.plane[:, :size])
            name = f"combined 2 : 1 : 1, {size} features"
            kinds.append((name, space.combine(parts), space.combine(copies)))
    return kinds


def judged(objects: Objects, vectors: Array | None, copies: Array | None) -> list[Array]:
    """Judges the neighbors of all objects.

    Args:
        objects: The objects.
        vectors: `(N, D)`, of length 1; None for random neighbors.
        copies: `(N, D)`, of their copies.

    Returns:
        Jaccard, equal, category and copy of each object `(N,)`; nan where one has none.
    """
    count = len(objects.images)
    if vectors is None or copies is None:
        similarity, to_copies = np.random.default_rng(0).random((2, count, count))
    else:
        similarity, to_copies = vectors @ vectors.T, copies @ vectors.T
    is_other = objects.images[:, None] != objects.images
    numbers = np.full((4, count), np.nan)
    for i in range(count):
        row = np.where(is_other[i], similarity[i], -np.inf)
        nearest = np.argsort(-row, kind="stable")[:NEIGHBORS]
        numbers[2, i] = np.mean(objects.categories[nearest] == objects.categories[i])
        better = np.count_nonzero(to_copies[i] > to_copies[i, i])
        numbers[3, i] = better < COPY_RANK
        same = np.flatnonzero(is_other[i] & (objects.categories == objects.categories[i]))
        own = objects.attributes[i]
        if own and len(same):
            best = same[np.argsort(-similarity[i, same], kind="stable")[:NEIGHBORS]]
            numbers[0, i], numbers[1, i] = _agreement(own, [objects.attributes[j] for j in best])
    return list(numbers)


def _agreement(own: frozenset[int], others: Sequence[frozenset[int]]) -> tuple[float, float]:
    """Mean Jaccard index, and the share of equal sets."""
    jaccard = [len(own & other) / len(own | other) for other in others]
    return float(np.mean(jaccard)), float(np.mean([own == other for other in others]))


def interval(values: Array, images: Array) -> str:
    """Writes a mean with its 95 % interval.

    Args:
        values: `(N,)`, nan where undefined.
        images: `(N,)`, image of each value; images are drawn as a whole.

    Returns:
        Such as "0.612 (0.59–0.63)".
    """
    known = ~np.isnan(values)
    _, rows = np.unique(images[known], return_inverse=True)
    sums, counts = np.bincount(rows, values[known]), np.bincount(rows)
    drawn = np.random.default_rng(0).integers(0, len(sums), (SAMPLES, len(sums)))
    means = sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1)
    low, high = np.percentile(means, (2.5, 97.5))
    return f"{np.mean(values[known]):.3f} ({low:.2f}–{high:.2f})"


def measure_speed(count: int, dimension: int) -> None:
    """Searches made-up vectors exactly and along a graph, and prints CPU times and recall.

    Args:
        count: Number of garments.
        dimension: Of their vectors.
    """
    import faiss

    faiss.omp_set_num_threads(1)
    rng = np.random.default_rng(0)
    for name, vectors in made_up(rng, count + QUERIES, dimension).items():
        queries, stored = vectors[count:], np.ascontiguousarray(vectors[:count])
        exact, true, _ = timed(stored, queries, exact_up_to=count)
        graph, found, built = timed(stored, queries, exact_up_to=0)
        recall = np.mean([len(set(a) & set(b)) / NEIGHBORS for a, b in zip(found, true)])
        print(
            f"{count:,} garments, {dimension} numbers, {name}: exact {exact:.2f} ms a query "
            f"(at most {MOST_EXACT_MS}), graph {graph:.2f} ms (at most {MOST_GRAPH_MS}) with "
            f"recall {recall:.3f} (at least {LEAST_RECALL}), built in {built:.0f} s",
            flush=True,
        )


def made_up(rng: np.random.Generator, count: int, dimension: int) -> Mapping[str, Array]:
    """Draws vectors of length 1.

    Args:
        rng: Draws them.
        count: Number of vectors.
        dimension: Of a vector.

    Returns:
        Vectors `(count, dimension)` float32 by name.
    """
    noise = rng.standard_normal((count, dimension), np.float32)
    mixed = rng.standard_normal((count, HIDDEN), np.float32)
    mixed = np.tanh(mixed @ rng.standard_normal((HIDDEN, dimension), np.float32) / HIDDEN**0.5)
    return {"random": unit(noise), "structured": unit(mixed + NOISE * noise)}


def timed(stored: Array, queries: Array, exact_up_to: int) -> tuple[float, Array, float]:
    """Searches one query after the other.

    Args:
        stored: `(N, D)`.
        queries: `(Q, D)`.
        exact_up_to: As of `write_vectors`.

    Returns:
        CPU milliseconds a query, ids `(Q, 10)`, CPU seconds of building and writing.
    """
    with tempfile.TemporaryDirectory() as folder:
        path, start = Path(folder) / "v.faiss", time.process_time()
        write_vectors(path, np.arange(len(stored)), stored, exact_up_to)
        built, nearest = time.process_time() - start, Nearest(path)
    start, found = time.process_time(), []
    for query in queries:
        found.append(nearest.search(query[None], NEIGHBORS)[0][0])
    return 1000 * (time.process_time() - start) / len(queries), np.array(found), built


if __name__ == "__main__":
    main()
