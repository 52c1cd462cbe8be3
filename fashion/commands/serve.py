"""Body of `serve`: loads the model and the index in threads, and serves them."""

import argparse
import functools
import os
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from fashion.cli.light_install import is_light
from fashion.cli.options import model_settings
from fashion.formats.model_files import model_in
from fashion.loading import default_confidence, load_model
from mrcnn.inference.exported_files import format_of, read_export_metadata
from mrcnn.packages import import_package

PACKAGES = ("fastapi", "uvicorn", "python_multipart")
# Below, a detection is next to nothing, and describing it takes time all the same.
LEAST_SCORE = 0.05


def run(args: argparse.Namespace) -> None:
    """Serves until a signal comes.

    Args:
        args: Result of `fashion.serve.parse`.

    Raises:
        OSError: The port is taken, or the index is missing.
        PackageMissing: The web framework is not installed.
        ValueError: The model or the index is damaged, or they do not fit together.
    """
    extra = "fashion-mask-rcnn-runtime[serve]" if is_light() else "fashion-mask-rcnn[serve]"
    for package in PACKAGES:
        import_package(package, "The service", extra)
    from fashion.service.server import listen_at, serve

    index = _once(functools.partial(_opened, args.index)) if args.index else None
    # Before the model is loaded, which takes longer than to refuse them.
    dates = None if index is None else _dates(args.dates, index)
    listener = listen_at(args.host, args.port)
    port = listener.getsockname()[1]
    name = f"[{args.host}]" if ":" in args.host else args.host
    print(f"http://{name}:{port} is loading the model; Ctrl-C stops it.", flush=True)
    if _is_open(args):
        print(
            "Everybody who can reach this machine may use it: --api-key-file asks for a key, "
            "--rate-limit limits clients.",
            flush=True,
        )
    ended = serve(
        _service(args, index, dates),
        listener,
        lambda: print(f"ready: http://{name}:{port}", flush=True),
    )
    print("The service has stopped.", flush=True)
    if not ended:
        # Python would wait for the import of TensorFlow, or crash in the middle of it.
        sys.stdout.flush()
        os._exit(0)


def _is_open(args: argparse.Namespace) -> bool:
    from fashion.service.settings import LOOPBACK

    return args.host not in LOOPBACK and not args.api_keys


def _service(
    args: argparse.Namespace,
    index: Callable[[], Any] | None = None,
    dates: Mapping[str, str] | None = None,
) -> Any:
    # Not at the top: they need the web framework.
    from fashion.service.catalogue import Catalogue
    from fashion.service.running import Service
    from fashion.service.samples import sample_photos
    from fashion.service.settings import LOOPBACK, MEGABYTE, ServiceSettings

    # A service of this machine alone is called by its names, unless a proxy passes others on.
    is_local = args.host in LOOPBACK and not args.trusted_proxies
    settings = ServiceSettings(
        title=args.title,
        most_bytes=int(args.max_upload * MEGABYTE),
        most_pixels=args.max_pixels * 1_000_000,
        most_waiting=args.queue,
        body_seconds=args.timeout,
        api_keys=args.api_keys,
        rate_limit=args.rate_limit,
        trusted_proxies=tuple(args.trusted_proxies),
        origins=tuple(args.cors),
        hosts=LOOPBACK if is_local else None,
        keep=args.keep,
    )
    return Service(
        functools.partial(_load, args, index),
        settings,
        None if index is None else lambda: Catalogue(index(), dates),
        functools.partial(sample_photos, args.samples),
    )


def _dates(source: str | Path, index: Callable[[], Any]) -> Mapping[str, str] | None:
    """Dates of the images of an index; None for those of its garments, if they have any."""
    if source == "exif":
        return None
    from fashion.retrieval.image_dates import dates_of  # not at the top, as below

    return dates_of(source, list(index().garments()))


def _opened(location: str) -> Any:
    from fashion.retrieval.index import GarmentIndex  # not at the top: most services have none

    index = GarmentIndex.open(location)
    if index.meta.get("vector") is None:
        raise ValueError(
            f"The index {location} has no vectors yet, because `fashion catalogue` was interrupted."
            " Start it again with the same arguments."
        )
    return index


def _once(make: Callable[[], Any]) -> Callable[[], Any]:
    """The same index for all threads, whichever comes first."""
    lock, made = threading.Lock(), functools.cache(make)

    def get() -> Any:
        with lock:
            return made()

    return get


def _load(args: argparse.Namespace, index: Callable[[], Any] | None) -> Any:
    from fashion.service.served import ServedModel

    path, of_index = _model_of(args, index)
    metadata: Mapping[str, Any] = read_export_metadata(path) if format_of(path) else {}
    confidence = default_confidence(path) if args.conf is None else args.conf
    # The page and each request choose a higher score.
    least = max(min(LEAST_SCORE, confidence), float(metadata.get("min_score") or 0))
    settings = of_index | model_settings(args, least)
    if index is None:
        model, embedder = load_model(path, **settings), None
    else:
        from fashion.retrieval.embedding import GarmentEmbedder, load_embedding_model

        model = load_embedding_model(path, **settings)
        embedder = GarmentEmbedder(model, index().meta)
    served = ServedModel(
        model=model,
        name=_name_of(path),
        license=metadata.get("license"),
        confidence=max(confidence, least),
        least=least,
        embedder=embedder,
    )
    served.warm_up()
    return served


def _model_of(
    args: argparse.Namespace, index: Callable[[], Any] | None
) -> tuple[Path, dict[str, Any]]:
    """The file of the model, and the settings that it made the index with."""
    if index is None:
        return model_in(args.weights), {}
    from fashion.retrieval.index_model import model_of_index, settings_of_index

    meta = index().meta
    return model_of_index(meta, args.weights), settings_of_index(meta)


def _name_of(path: Path) -> str:
    """The file, or the run that best.h5 or last.h5 is of."""
    return path.parent.name if path.stem in ("best", "last") else path.name
