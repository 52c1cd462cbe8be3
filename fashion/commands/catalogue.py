"""Body of `catalogue`: describes the garments of images one by one, and writes their index."""

import argparse
import os
import sys
from collections import deque
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from tqdm import tqdm

from fashion.cli.chosen_model import ChosenModel
from fashion.cli.interrupts import current_command, resumable
from fashion.cli.locks import start_over, working_in
from fashion.cli.options import model_settings
from fashion.cli.resume_keys import check_keys, resume_keys
from fashion.evaluation.io.resumable import remaining
from fashion.pages.text import count
from fashion.results import TrainedModel
from fashion.retrieval.embedding import GarmentEmbedder, load_embedding_model
from fashion.retrieval.folder import FolderIndex
from fashion.retrieval.found import found_garments
from fashion.retrieval.model_identity import identity_of
from fashion.retrieval.nearest import check_faiss
from fashion.retrieval.photos import Photo, read_ahead, read_photo
from fashion.retrieval.qdrant_copy import publish
from fashion.retrieval.qdrant_server import connect_to
from fashion.retrieval.schema import DATABASE, VECTORS
from fashion.retrieval.store import GarmentStore, Plan
from mrcnn.config import Config
from mrcnn.data.resize import check_placeable
from mrcnn.typing import Array, Size


def run(args: argparse.Namespace) -> Path:
    """Makes or updates an index as the arguments ask.

    Args:
        args: Result of `fashion.catalogue.parse`.

    Returns:
        The folder of the index.

    Raises:
        OSError: No image can be read.
        ValueError: The index was made by another model, or with other settings.
    """
    check_faiss()
    chosen = ChosenModel(args)
    if args.conf is None:
        args.conf = chosen.default_confidence()
    with working_in(args.out, "catalogue"), resumable():
        if args.restart:
            _remove(args.out)
        store = GarmentStore(args.out)
        try:
            _update(args, chosen, store)
        finally:
            store.close()
        if args.qdrant:
            _publish(args)
    print(f"next: fashion similar PHOTO --index {args.qdrant or args.out}")
    return args.out


def _update(args: argparse.Namespace, chosen: ChosenModel, store: GarmentStore) -> None:
    keys, model = resume_keys(args, chosen.contents(), args.conf), None
    if store.meta:
        check_keys(args.out, store.meta["keys"], keys, _ADVICE)
    else:
        model = _load(args)
        store.begin(_about(args, keys, model))
    plan = store.plan(args.files)
    if plan.todo:
        add_images(store, model or _load(args), plan, args.workers)
    store.remove_images(plan.removed)
    store.finish()
    garments, images = store.counts()
    if not images:
        raise OSError("None of the images could be read.")
    left_out, left_out_now = len(store.problems(plan.files)), len(store.problems(plan.todo))
    print(
        f"{count(garments, 'garment')} of {count(images, 'image')} in {args.out}; "
        f"{count(len(plan.todo) - left_out_now, 'image')} new or changed, "
        f"{plan.unchanged - (left_out - left_out_now):,} unchanged, {len(plan.removed):,} removed"
    )
    if left_out:
        why = "image left out, because it", "images left out, because they"
        print(f"{count(left_out, *why)} cannot be used")


_ADVICE = (
    "Garments that were found or described in other ways cannot be compared. Give the same "
    "arguments to add to it, another folder with --out, or --restart to make it again."
)


def add_images(store: GarmentStore, model: TrainedModel, plan: Plan, workers: int) -> None:
    """Predicts images and writes their garments, an image in a transaction.

    Args:
        store: The index.
        model: Its results have "embeddings".
        plan: What is to do.
        workers: Number of images that are read ahead.
    """
    embedder, waiting, todo = GarmentEmbedder(model), deque[Photo](), set(plan.todo)
    # Some that are done are predicted again, so that batches are those of an unbroken run.
    done = {file for file in plan.files if file not in todo}
    files = remaining(plan.files, done, model.config.BATCH_SIZE)

    def read(path: Path) -> Photo:
        return read_photo(path, lambda path, image_hw: _check_size(path, image_hw, model.config))

    bar = tqdm(total=len(plan.files), initial=plan.unchanged, unit="image")

    def images() -> Iterator[Array]:
        for photo in read_ahead(files, read, workers):
            if photo.image is not None:
                waiting.append(photo)
                yield photo.image
            elif photo.path in todo:  # the index keeps why it cannot be used
                tqdm.write(f"left out: {photo.problem}", file=sys.stderr)
                store.replace_image(photo, (), None)
                bar.update()
            del photo  # one image less in memory while the next one is read

    for result in embedder.stream(images()):
        photo = waiting.popleft()
        if photo.path in todo:
            assert photo.image is not None
            parts = embedder.parts(photo.image, result)
            store.replace_image(photo, found_garments(photo.image, result, model.ontology), parts)
            bar.update()
        del photo
    bar.close()


def _check_size(path: Path, image_hw: Size, config: Config) -> None:
    check_placeable(image_hw, config, str(path))


def _load(args: argparse.Namespace) -> TrainedModel:
    return load_embedding_model(args.weights, **model_settings(args, args.conf))


def _about(args: argparse.Namespace, keys: dict[str, Any], model: TrainedModel) -> dict[str, Any]:
    """What the index is made of, see `GarmentIndex.meta`."""
    folders = [os.path.abspath(file.parent) for file in args.files]
    try:
        root = os.path.commonpath(folders)
    except ValueError:  # on several drives of Windows
        root = folders[0]
    return {
        "model": identity_of(args.weights),
        "labels": model.ontology.to_dict(),
        "created": datetime.now().astimezone().isoformat(timespec="microseconds"),
        "root": root,
        "keys": keys,
        "command": current_command(),
    }


def _remove(folder: Path) -> None:
    names = [DATABASE, f"{DATABASE}-journal"]
    names += [path.name for path in folder.glob(VECTORS.format("*"))]
    start_over(folder, names)


def _publish(args: argparse.Namespace) -> None:
    client, collection = connect_to(args.qdrant)
    try:
        with FolderIndex(args.out) as index, tqdm(total=len(index), unit="garment") as bar:
            sent, deleted = publish(index, client, collection, bar.update)
    finally:
        client.close()
    print(f"{args.qdrant}: {count(sent, 'garment')} sent, {deleted:,} deleted")
