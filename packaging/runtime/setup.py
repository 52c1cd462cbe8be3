"""Builds fashion-mask-rcnn-runtime: what predicts, scores, submits and serves with ONNX files.

`build.py` beside it calls this in a folder with copies of the packages.
"""

import re
from pathlib import Path

from setuptools import find_packages, setup

# Rooms that need Keras, and what is made with them.
LEFT_OUT = [
    "mrcnn.modeling",
    "mrcnn.export",
    "mrcnn.legacy",
    "mrcnn.weights",
    "fashion.attributes",
    "fashion.classify",
    "fashion.semantic",
    "fashion.studies",
    "fashion.hyperparameters",
    "fashion.exploration",
]


def version() -> str:
    """The version of the full distribution."""
    text = Path("mrcnn", "__init__.py").read_text(encoding="utf-8")
    return re.search(r'^__version__ = "(.+?)"', text, re.MULTILINE).group(1)


setup(
    name="fashion-mask-rcnn-runtime",
    version=version(),
    description="Predicts, scores, submits and serves with exported models of fashion-mask-rcnn",
    long_description=Path("README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    author="The fashion-mask-rcnn authors",
    license="MIT",
    license_files=["LICENSE"],
    python_requires=">=3.11",
    packages=find_packages(
        include=["mrcnn", "mrcnn.*", "fashion", "fashion.*"],
        exclude=[pattern for name in LEFT_OUT for pattern in (name, f"{name}.*")],
    ),
    package_data={"fashion": ["labels/*.json", "web/*", "service/page/*"]},
    include_package_data=False,
    install_requires=[
        "numpy>=2.0,<2.5",
        "pillow>=10.4,<14",
        "opencv-python-headless>=4.10,<6",
        "onnxruntime>=1.20,<2",
        "pycocotools>=2.0.8,<3",
        "tqdm>=4.66,<5",
    ],
    extras_require={
        "litert": ["ai-edge-litert>=2.0,<3"],
        "pages": ["matplotlib>=3.9,<4"],
        "catalogue": ["faiss-cpu>=1.9,<2"],
        "qdrant": ["qdrant-client>=1.12,<2"],
        "serve": ["fastapi>=0.115,<1", "uvicorn>=0.30,<1", "python-multipart>=0.0.20,<1"],
    },
    entry_points={"console_scripts": ["fashion = fashion.__main__:main"]},
)
