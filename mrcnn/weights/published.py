"""Published weights that Matterport's scripts download: where they are, how they are checked."""

import os
from pathlib import Path

from mrcnn.typing import PathLike
from mrcnn.weights.download import ExpectedFile, download

# Release v2.0, not the newest: the files of v2.1 belong to the balloon example, with 2 classes
# instead of 81.
COCO_MODEL_URL = "https://github.com/matterport/Mask_RCNN/releases/download/v2.0/mask_rcnn_coco.h5"
COCO_MODEL_SIZE = 257_557_808
# Matterport published no hash. This one stands in the manual of NVIDIA's TensorRT sample for this
# model, in the checksums of alibaba/ai-matrix, and in a DVC record of this URL and size. For
# SHA-256 no two sources agree.
COCO_MODEL_MD5 = "e98aaff6f99e307b5e2a8a3ff741a518"

RESNET50_URL = (
    "https://github.com/fchollet/deep-learning-models/releases/download/v0.2/"
    "resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5"
)
RESNET50_SIZE = 94_653_016
RESNET50_MD5 = "a268eb855778b3df3c7506639542a6af"  # as in Matterport's get_imagenet_weights


def download_trained_weights(coco_model_path: PathLike, verbose: int = 1) -> None:
    """Downloads Matterport's COCO weights (81 classes, ResNet-101, 246 MB); their signature.

    Nothing is downloaded if the file is there and right. It is checked by its size, HDF5 signature
    and MD5.

    Args:
        coco_model_path: Where to store the file.
        verbose: 0 shows no progress.

    Raises:
        DownloadError: As `download`.
    """
    download(
        COCO_MODEL_URL,
        coco_model_path,
        md5=COCO_MODEL_MD5,
        size=COCO_MODEL_SIZE,
        kind="h5",
        progress=verbose > 0,
        otherwise="start from other weights or from none, without load_weights()",
    )


def imagenet_resnet50_weights() -> str:
    """Downloads Keras' old ResNet-50 file without the classifier, once.

    keras.applications stores a newer file, with other layer names, under the same name in the same
    folder. So this one has a folder of its own; a file that an old Keras left there is used.

    Returns:
        Its path, below `models_folder`.

    Raises:
        DownloadError: As `download`.
    """
    models = models_folder()
    name = RESNET50_URL.rpartition("/")[2]
    shared = models / name
    expected = ExpectedFile(RESNET50_SIZE, {"md5": RESNET50_MD5}, "h5")
    if shared.is_file() and expected.mismatch(shared) is None:
        return str(shared)
    path = download(
        RESNET50_URL,
        models / "fchollet-v0.2" / name,
        md5=RESNET50_MD5,
        size=RESNET50_SIZE,
        kind="h5",
        otherwise="start without ImageNet weights; KERAS_HOME moves the folder",
    )
    return str(path)


def models_folder() -> Path:
    """Finds the folder where Keras stores downloaded weights.

    Returns:
        $KERAS_HOME/models, by default ~/.keras/models.
    """
    return Path(os.environ.get("KERAS_HOME") or "~/.keras").expanduser() / "models"
