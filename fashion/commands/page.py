"""Body of `page`: the static page, the model, its runtime, and samples, in one folder."""

import argparse
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from fashion.cli.locks import working_in
from fashion.cli.web_runtime import PACKAGE, runtime_files
from mrcnn.data.image_io import read_image
from mrcnn.files import write_bytes, write_text
from mrcnn.inference.exported import ExportedPredictor
from mrcnn.inference.preprocessing import place
from mrcnn.typing import Array

WEB = Path(__file__).parents[1] / "web"
# Settings that the page reads.
SETTINGS = (
    *("IMAGE_RESIZE_MODE", "IMAGE_MIN_DIM", "IMAGE_MIN_SCALE"),
    *("CONFIDENCE_THRESHOLD", "ATTRIBUTE_THRESHOLD", "ATTRIBUTE_SEEN_PAIRS"),
)
SAMPLE_SIDE = 1200  # pixels of the longer side, at most
LICENCE = """{package} {version} is part of ONNX Runtime.

MIT License

Copyright (c) Microsoft Corporation

Permission is hereby granted, free of charge, to any person obtaining a copy
of this software and associated documentation files (the "Software"), to deal
in the Software without restriction, including without limitation the rights
to use, copy, modify, merge, publish, distribute, sublicense, and/or sell
copies of the Software, and to permit persons to whom the Software is
furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all
copies or substantial portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR
IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY,
FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE
AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER
LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM,
OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE
SOFTWARE.
"""


def run(args: argparse.Namespace, file: Path) -> Path:
    """Writes the page as the arguments ask.

    Args:
        args: Result of `fashion.page.parse`.
        file: The ONNX file.

    Returns:
        The folder of the page.

    Raises:
        ValueError: The model cannot run in a page.
    """
    version, runtime = runtime_files(args.runtime)
    with working_in(args.out, "page"):
        model = ExportedPredictor(file)
        _check_model(file, model.metadata)
        for source in sorted(WEB.iterdir()):
            write_bytes(args.out / source.name, source.read_bytes())
        for name, content in runtime.items():
            write_bytes(_below(args.out, "ort") / name, content)
        write_text(
            args.out / "ort" / "LICENSE.txt", LICENCE.format(package=PACKAGE, version=version)
        )
        content = file.read_bytes()
        write_bytes(args.out / "model.onnx", content)
        about = {
            **_described(model.metadata),
            "file": "model.onnx",
            "bytes": len(content),
            "title": args.title,
            "runtime_version": version,
            "samples": [_sample(path, args.out) for path in args.samples],
            "check_image": _check_image(model, args.out),
        }
        write_text(args.out / "model.json", json.dumps(about))
    size = sum(path.stat().st_size for path in args.out.rglob("*") if path.is_file())
    print(f"{args.out}: {size / 1e6:.0f} MB, of which a visitor loads {_loaded(args.out):.0f}")
    print(f"next: python -m http.server --directory {args.out}, then open http://localhost:8000")
    return args.out


def _loaded(folder: Path) -> float:
    """Megabytes that a browser without WebGPU loads."""
    skipped = ("webgpu", "asyncify")
    files = [path for path in folder.rglob("*") if path.is_file()]
    files = [path for path in files if not any(name in path.name for name in skipped)]
    return sum(path.stat().st_size for path in files) / 1e6


def _check_model(file: Path, metadata: Mapping[str, Any]) -> None:
    if not isinstance(metadata.get("labels"), dict):
        raise ValueError(f"{file} has no labels. Export the model with `fashion export`.")
    mode = metadata["config"]["IMAGE_RESIZE_MODE"]
    if mode not in ("square", "portrait"):
        raise ValueError(
            f"{file} was trained with IMAGE_RESIZE_MODE {mode!r}; the page knows 'square' and "
            "'portrait'."
        )
    if metadata["batch"] not in (1, None):
        raise ValueError(
            f"{file} takes {metadata['batch']} images at once, and the page gives one. Export it "
            "with --batch 1."
        )


def _described(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """What the page reads of the metadata."""
    names = ("image_hw", "convention", "labels", "license", "precision", "format", "min_score")
    config = metadata["config"]
    return {
        **{name: metadata[name] for name in names},
        **{name: metadata[name] for name in ("source", "attribute_counts") if name in metadata},
        "config": {name: config[name] for name in SETTINGS if name in config},
    }


def _sample(path: Path, out: Path) -> dict[str, str]:
    """Copies a sample photo, upright, without its metadata, and not larger than needed."""
    image = Image.fromarray(read_image(path, upright=True))
    image.thumbnail((SAMPLE_SIDE, SAMPLE_SIDE))
    content = io.BytesIO()
    image.save(content, "JPEG", quality=88)
    name = f"samples/{path.stem}.jpg"
    write_bytes(_below(out, "samples") / f"{path.stem}.jpg", content.getvalue())
    return {"file": name, "credit": path.stem}


def _check_image(model: ExportedPredictor, out: Path) -> dict[str, Any]:
    """Stores a network input, and the boxes and scores that the page must get for it.

    A browser's GPU that computes something else is not used.
    """
    photo = _check_photo(*model.metadata["image_hw"])
    pixels, placement = place(photo, model.config, model.convention)
    found = model.detect_molded(pixels[None], placement.window[None])
    rows = np.flatnonzero(found["valid"][0])
    write_bytes(out / "check.rgb", pixels.tobytes())
    return {
        "file": "check.rgb",
        "window": placement.window.tolist(),
        "boxes": found["boxes"][0][rows].round(3).tolist(),
        "scores": found["scores"][0][rows].round(5).tolist(),
    }


def _check_photo(height: int, width: int) -> Array:
    """A picture with edges and colours in which detectors find something."""
    from skimage.data import astronaut

    image = Image.fromarray(astronaut())
    image.thumbnail((width, height))
    return np.asarray(image)


def _below(folder: Path, name: str) -> Path:
    (folder / name).mkdir(exist_ok=True)
    return folder / name
