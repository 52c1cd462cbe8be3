"""torchvision's network beside ours: schedule, batches and names of weights, without PyTorch."""

import numpy as np
import pytest

from fashion.studies.torchvision_fit import as_torchvision, share_of_rate
from fashion.studies.torchvision_network import converted, import_torch
from mrcnn.packages import PackageMissing
from mrcnn.training.optimizers import WarmupSchedule


@pytest.mark.parametrize("decay", ["constant", "step", "cosine"])
def test_the_learning_rate_is_that_of_our_schedule(decay):
    drops = (2 / 3, 8 / 9)
    ours = WarmupSchedule(1.0, 10, 50, decay, drops, 0.1)
    for step in (0, 4, 9, 10, 25, 33, 44, 49, 60):
        theirs = share_of_rate(step, 50, 10, decay, drops, 0.1)
        assert theirs == pytest.approx(float(ours(step)), abs=1e-6)


def test_every_weight_of_the_body_has_a_name():
    shape = {"kernel": (1, 1, 2, 3)}
    arrays = {}
    for stage, blocks in enumerate((3, 4, 6, 3), start=2):
        for block in "abcdef"[:blocks]:
            for branch in ("2a", "2b", "2c", *(["1"] if block == "a" else [])):
                arrays[f"res{stage}{block}_branch{branch}/kernel"] = np.ones(shape["kernel"])
                arrays[f"res{stage}{block}_branch{branch}/bias"] = np.full(3, 0.5)
                for name in ("gamma", "beta", "moving_mean", "moving_variance"):
                    arrays[f"bn{stage}{block}_branch{branch}/{name}"] = np.full(3, 2.0)
    arrays |= {"conv1/kernel": np.ones((7, 7, 3, 4)), "conv1/bias": np.zeros(4)}
    arrays |= {f"bn_conv1/{n}": np.ones(4) for n in ("gamma", "beta", "moving_mean")}
    arrays["bn_conv1/moving_variance"] = np.ones(4)
    state = converted(arrays)
    assert len(state) == 53 * 5  # 53 convolutions, each with a BatchNorm of four arrays
    assert state["layer1.0.downsample.0.weight"].shape == (3, 2, 1, 1)
    assert state["layer4.2.bn3.running_mean"].tolist() == [1.5] * 3  # the bias is taken off


class Tensors:
    """Enough of torch to convert a batch."""

    @staticmethod
    def from_numpy(array):
        return Array(array)


class Array(np.ndarray):
    def __new__(cls, array):
        return np.asarray(array).view(cls)

    def to(self, device):
        return self


def test_crowds_and_padding_are_left_out_of_a_batch():
    batch = {
        "images": np.zeros((1, 4, 6, 3), np.float32),
        "gt_class_ids": np.array([[2, -1, 0]]),
        "gt_boxes": np.array([[[1, 2, 3, 5], [0, 0, 1, 1], [0, 0, 0, 0]]]),
        "gt_masks": np.zeros((1, 3, 4, 6), bool),
    }
    images, (target,) = as_torchvision(Tensors, batch)
    assert images[0].shape == (3, 4, 6)
    assert target["boxes"].tolist() == [[2, 1, 5, 3]] and target["labels"].tolist() == [2]
    assert target["masks"].shape == (1, 4, 6)


def test_missing_packages_are_named(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "torchvision", None)
    with pytest.raises((PackageMissing, ModuleNotFoundError), match="torchvision"):
        import_torch()
