"""ONNX Runtime Web: the files that a browser page needs, from npm, once, or from a given path."""

import hashlib
import json
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Mapping
from pathlib import Path

from fashion.formats.index_cache import cache_folder
from mrcnn.files import atomic_path

PACKAGE, VERSION = "onnxruntime-web", "1.30.0"
SHA256 = "d2228df7e4616bc3348bf504ee888f3bec43789a273f0a63f3e68d203ce3bf71"
# For WebAssembly, with and without threads, and for WebGPU.
FILES = (
    "ort.wasm.min.mjs",
    "ort-wasm-simd-threaded.mjs",
    "ort-wasm-simd-threaded.wasm",
    "ort.webgpu.min.mjs",
    "ort-wasm-simd-threaded.asyncify.mjs",
    "ort-wasm-simd-threaded.asyncify.wasm",
)
NPM_TIMEOUT_S = 600
HINT = (
    f"Fetch it with `npm pack {PACKAGE}@{VERSION}`, on any machine with Node.js, and name the file "
    "with --runtime."
)


def runtime_files(source: Path | None = None) -> tuple[str, Mapping[str, bytes]]:
    """Reads the files of the runtime.

    Args:
        source: The package as a .tgz file or a folder; None takes the copy of an earlier call, or
            fetches it with npm.

    Returns:
        The version, and the content of each of `FILES`.

    Raises:
        OSError: The package cannot be fetched or read.
        ValueError: It is another package, or damaged.
    """
    if source is not None and source.is_dir():
        return _from_folder(source)
    return _from_archive(_fetched() if source is None else source)


def _from_folder(folder: Path) -> tuple[str, Mapping[str, bytes]]:
    root = folder.parent if folder.name == "dist" else folder
    root = root / "node_modules" / PACKAGE if (root / "node_modules" / PACKAGE).is_dir() else root
    try:
        about = json.loads((root / "package.json").read_text(encoding="utf-8"))
        content = {name: (root / "dist" / name).read_bytes() for name in FILES}
    except (FileNotFoundError, ValueError) as error:
        raise _not_the_package(folder) from error
    return _checked(folder, about, content)


def _not_the_package(source: Path) -> ValueError:
    return ValueError(
        f"{source} is not the package {PACKAGE}, or a file of it is missing or damaged. {HINT}"
    )


def _from_archive(file: Path) -> tuple[str, Mapping[str, bytes]]:
    content = {}
    try:
        with tarfile.open(file, "r:gz") as archive:
            for name in ("package.json", *(f"dist/{name}" for name in FILES)):
                member = archive.extractfile(f"package/{name}")
                if member is None:
                    raise KeyError(f"{name} is not a file")
                content[name.rpartition("/")[2]] = member.read()
        about = json.loads(content.pop("package.json"))
    except (KeyError, tarfile.TarError, EOFError, ValueError, OSError) as error:
        raise _not_the_package(file) from error
    return _checked(file, about, content)


def _checked(
    source: Path, about: Mapping[str, object], content: Mapping[str, bytes]
) -> tuple[str, Mapping[str, bytes]]:
    if not isinstance(about, dict) or about.get("name") != PACKAGE:
        raise ValueError(f"{source} is another package than {PACKAGE}. {HINT}")
    return str(about.get("version")), content


def _fetched() -> Path:
    """The archive in the cache, fetched first if it is not there."""
    file = cache_folder() / f"{PACKAGE}-{VERSION}.tgz"
    if file.is_file() and _sha256(file) == SHA256:
        return file
    npm = shutil.which("npm")
    if npm is None:
        raise FileNotFoundError(
            f"The page needs {PACKAGE}, a package of npm, and npm is not installed. {HINT}"
        )
    print(f"fetching {PACKAGE} {VERSION} with npm, once ({file})", flush=True)
    file.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        packed = _packed(npm, Path(folder))
        if _sha256(packed) != SHA256:
            raise ValueError(f"npm gave another {PACKAGE} {VERSION} than was published. {HINT}")
        with atomic_path(file) as temporary:
            shutil.copyfile(packed, temporary)
    return file


def _packed(npm: str, folder: Path) -> Path:
    command = [npm, "pack", f"{PACKAGE}@{VERSION}", "--silent", "--pack-destination", str(folder)]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=NPM_TIMEOUT_S
        )
        reason = (done.stderr.strip() or f"status {done.returncode}").splitlines()[-1]
    except subprocess.TimeoutExpired:
        reason = f"it took longer than {NPM_TIMEOUT_S // 60} minutes"
    file = folder / f"{PACKAGE}-{VERSION}.tgz"
    if not file.is_file():
        raise OSError(f"npm could not fetch {PACKAGE} {VERSION}: {reason}. {HINT}")
    return file


def _sha256(file: Path) -> str:
    with open(file, "rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
