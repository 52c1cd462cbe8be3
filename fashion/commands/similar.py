"""Body of `similar`: searches an index for the garments of photos, and writes what was found."""

import argparse
import dataclasses
import json
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

from fashion.cli.locks import working_in
from fashion.pages.text import count, short_name
from fashion.retrieval.embedding import GarmentEmbedder, load_embedding_model
from fashion.retrieval.found import found_garments
from fashion.retrieval.index import GarmentIndex
from fashion.retrieval.index_model import model_of_index, settings_of_index
from fashion.retrieval.outfit_advice import OWN_CATEGORY, OutfitAdvice
from fashion.retrieval.page import Query, similar_page, similar_rows
from fashion.retrieval.photos import image_name
from mrcnn.data.image_io import read_image
from mrcnn.data.resize import check_placeable
from mrcnn.files import write_text
from mrcnn.typing import Array

PAGE, ROWS = "similar.html", "similar.json"


def run(args: argparse.Namespace) -> Path:
    """Searches as the arguments ask.

    Args:
        args: Result of `fashion.similar.parse`.

    Returns:
        The folder of similar.html and similar.json.

    Raises:
        OSError: No photo can be read.
        ValueError: The index knows no such garment, category or attribute, or was made by another
            model.
    """
    with GarmentIndex.open(args.index) as index, working_in(args.out, "similar"):
        if args.category == "any":
            args.category = None
        if args.category not in (None, "same"):
            args.category = index.category_named(args.category)
        args.attribute = [index.attribute_named(name) for name in args.attribute]
        advice = None
        if args.goes_with:
            advice = OutfitAdvice(index, args.goes_with, args.k)
        if args.garment:
            queries = [_of_index(index, args, advice)]
        else:
            queries = _of_photos(index, args, advice)
        page = similar_page(queries, index, _about(args))
        page.write(args.out / PAGE)
        rows = similar_rows(queries, str(args.index))
        write_text(args.out / ROWS, json.dumps(rows, indent=1) + "\n")
    found = sum(len(query.matches) for query in queries)
    print(
        f"{count(found, 'similar garment')} for {count(len(queries), 'garment')}: "
        f"{args.out / PAGE} and {ROWS}"
    )
    if queries and not found and (args.category or args.attribute):
        print(
            "No garment of other photos in the index has this category and these attributes. Leave "
            "out --category or an --attribute to find more."
        )
    for line in _left_out(queries):
        print(line)
    return args.out


def _left_out(queries: Sequence[Query]) -> list[str]:
    """Says for how many garments a category of --goes-with was left out, and why."""
    counts: Counter[str] = Counter()
    for query in queries:
        counts.update(query.advice.left_out if query.advice else ())
    return [
        f"--goes-with {short_name(name)}: left out for {count(number, 'garment')}, because "
        f"{OWN_CATEGORY}"
        for name, number in counts.items()
    ]


def _about(args: argparse.Namespace) -> dict[str, str]:
    """What was searched, for the page."""
    return {
        "Index": str(args.index),
        "Category": {None: "all", "same": "that of each garment"}.get(args.category, args.category),
        "Attributes": ", ".join(args.attribute),
    }


def _of_index(index: GarmentIndex, args: argparse.Namespace, advice: OutfitAdvice | None) -> Query:
    """The search for a garment of the index."""
    try:
        garment = index.garment(args.garment)
    except KeyError as error:
        raise ValueError(
            f"The index has no garment {args.garment}. similar.json and the pages of `fashion "
            "similar` give their numbers."
        ) from error
    query = Query(
        garment.image,
        garment.box,
        garment.category,
        garment.score,
        garment.attributes,
        garment.colors,
        index.thumbnail(garment.id),
    )
    return _searched(index, query, index.vector(garment.id), args, garment.image, advice)


def _of_photos(
    index: GarmentIndex, args: argparse.Namespace, advice: OutfitAdvice | None
) -> list[Query]:
    """The searches for all garments of photos."""
    embedder = _embedder(index, args)
    queries, read = [], 0
    for path, image in _photos(args.files, embedder):
        read += 1
        result, vectors = embedder.predict_with_vectors(image)
        own = image_name(path, index.meta["root"])
        found = found_garments(image, result, embedder.model.ontology)
        for garment, vector in zip(found, vectors, strict=True):
            query = Query(
                str(path),
                garment.box,
                garment.category,
                garment.score,
                garment.attributes,
                garment.colors,
                garment.thumbnail,
            )
            queries.append(_searched(index, query, vector, args, own, advice))
        if not found:
            tqdm.write(f"{path}: no garment was found", file=sys.stderr)
    if not read:
        raise OSError("None of the photos could be read.")
    return queries


def _searched(
    index: GarmentIndex,
    query: Query,
    vector: Array,
    args: argparse.Namespace,
    own_image: str,
    advice: OutfitAdvice | None,
) -> Query:
    category = query.category if args.category == "same" else args.category
    (matches,) = index.search(
        np.asarray(vector)[None],
        args.k,
        category=category,
        attributes=args.attribute,
        exclude_images=[own_image],
    )
    query.matches.extend(matches)
    if advice is None:
        return query
    return dataclasses.replace(query, advice=advice.of(query.category, vector, own_image))


def _photos(files: list[Path], embedder: GarmentEmbedder) -> Iterator[tuple[Path, Array]]:
    bar = tqdm(files, unit="photo", disable=len(files) < 2)
    for path in bar:
        try:
            image = read_image(path, upright=True)
            check_placeable(image.shape[:2], embedder.model.config, str(path))
        except (OSError, ValueError) as error:
            tqdm.write(f"left out: {error}", file=sys.stderr)
            continue
        yield path, image


def _embedder(index: GarmentIndex, args: argparse.Namespace) -> GarmentEmbedder:
    """The model that made the index, with the settings that it had then."""
    path, settings = model_of_index(index.meta, args.weights), settings_of_index(index.meta)
    if args.conf is not None:
        settings["DETECTION_MIN_CONFIDENCE"] = args.conf
    return GarmentEmbedder(load_embedding_model(path, **settings), index.meta)
