"""Build the wheel of fashion-mask-rcnn-runtime.

python packaging/runtime/build.py --out dist
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]


def build(out: Path) -> Path:
    """Builds the wheel with the setuptools at hand, without the network.

    Args:
        out: Folder of the wheel.

    Returns:
        The wheel.
    """
    out = out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for package in ("mrcnn", "fashion"):
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / package, folder / package, ignore=ignored)
        for file in (HERE / "setup.py", HERE / "README.md", ROOT / "LICENSE"):
            shutil.copy(file, folder)
        make = "import sys, setuptools.build_meta as b; print(b.build_wheel(sys.argv[1]))"
        command = [sys.executable, "-c", make, str(out)]
        environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, check=False
        )
    if done.returncode:
        sys.exit(f"The wheel could not be built:\n{done.stderr}")
    return out / done.stdout.strip().splitlines()[-1]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("dist"), help="folder of the wheel")
    print(build(parser.parse_args().out))
