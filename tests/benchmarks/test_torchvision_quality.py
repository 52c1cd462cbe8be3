"""The comparison of quality with torchvision: equal weights, schedule and batches."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks import torchvision_quality as quality

IMAGENET = Path(__file__).parents[3] / "shared" / "weights" / "resnet50_imagenet_notop_fp16.npz"


def test_settings_scale_with_the_input():
    args = quality._parser().parse_args(["--data", "d", "--weights", "w", "--imgsz", "192"])
    settings = quality.settings_of(args, 0.001)
    assert (settings["IMAGE_MAX_DIM"], settings["IMAGE_MIN_DIM"]) == (192, 128)
    assert settings["RPN_ANCHOR_SCALES"] == [8, 16, 32, 64, 128]
    assert settings["STAGES"] == [["all", "all", 6, 0.001]]


@pytest.mark.slow
@pytest.mark.skipif(not IMAGENET.exists(), reason="needs the ImageNet weights of shared/weights")
def test_both_sides_start_from_the_same_network():
    torch = pytest.importorskip("torch")
    pytest.importorskip("torchvision")
    from keras import ops

    from fashion.config import CCP
    from fashion.studies.torchvision_network import build, pretrained
    from mrcnn.modeling.backbones.resnet import resnet
    from mrcnn.weights.layer_files import assign_layers

    model = pretrained(build(CCP()), quality.rgb_weights(IMAGENET))
    ours = resnet()
    layers: dict = {}
    for name, value in quality.rgb_weights(IMAGENET).items():
        layers.setdefault(name.split("/")[0], {})[name.split("/")[1]] = value
    order = ("kernel", "gamma", "bias", "beta", "moving_mean", "moving_variance")
    arrays = {k: [v[n] for n in order if n in v] for k, v in layers.items()}
    assign_layers(ours, arrays, IMAGENET, ())
    image = np.random.default_rng(0).normal(0, 50, (1, 64, 64, 3)).astype(np.float32)
    # Up to the pooling, which Keras pads at the bottom and right alone.
    body = model.backbone.body
    with torch.inference_mode():
        stem = body.relu(body.bn1(body.conv1(torch.from_numpy(image.transpose(0, 3, 1, 2)))))
        pooled = ours.get_layer("max_pooling2d")(stem.numpy().transpose(0, 2, 3, 1))
        features = torch.from_numpy(ops.convert_to_numpy(pooled).transpose(0, 3, 1, 2).copy())
        theirs = []
        for layer in (body.layer1, body.layer2, body.layer3, body.layer4):
            features = layer(features)
            theirs.append(features.numpy().transpose(0, 2, 3, 1))
    for a, b in zip(ours(image), theirs, strict=True):
        a = ops.convert_to_numpy(a)
        assert np.abs(a - b).max() <= 1e-4 * np.abs(b).max()
