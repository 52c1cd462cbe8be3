"""ResNeXt is torchvision's network, weight for weight, and computes what its definition says."""

import numpy as np
import pytest

from mrcnn.modeling.backbones.resnet import resnet, stage_of
from mrcnn.modeling.backbones.resnext import resnext

# Of torchvision's networks, less a dense layer from 2048 features to 1000 classes.
PUBLISHED = {
    "resnext50_32x4d": 25_028_904 - 2049 * 1000,
    "resnext101_32x8d": 88_791_336 - 2049 * 1000,
}


@pytest.fixture(scope="module")
def resnext50():
    return resnext("resnext50_32x4d")


def conv(x, kernel, stride=1, pad=0):
    """By the definition: x (H, W, C), kernel (k, k, C / groups, D) -> (H', W', D); output d of D
    reads the group d // (D / groups).
    """
    k, _, incoming, filters = kernel.shape
    groups = x.shape[-1] // incoming
    x = np.pad(x, [(pad, pad), (pad, pad), (0, 0)])
    windows = np.lib.stride_tricks.sliding_window_view(x, (k, k), axis=(0, 1))[
        ::stride, ::stride
    ]  # (H', W', C, k, k)
    parts = [
        np.einsum("hwckl,klcd->hwd", windows[:, :, g * incoming : (g + 1) * incoming], part)
        for g, part in enumerate(np.split(kernel, groups, axis=-1))
    ]
    return np.concatenate(parts, axis=-1)


def test_there_are_as_many_weights_as_in_torchvision(resnext50):
    assert (
        sum(np.prod(w.shape) for w in resnext50.trainable_weights) == PUBLISHED["resnext50_32x4d"]
    )


@pytest.mark.slow
def test_resnext101_has_as_many_weights_as_in_torchvision():
    assert (
        sum(np.prod(w.shape) for w in resnext("resnext101_32x8d").trainable_weights)
        == PUBLISHED["resnext101_32x8d"]
    )


@pytest.mark.slow
def test_layers_bear_the_names_of_our_resnet(resnext50):
    names = {layer.name for layer in resnext50.layers if layer.weights}
    assert names == {layer.name for layer in resnet("resnet50").layers if layer.weights}
    assert all(stage_of(name) for name in names)


def test_only_a_stages_first_block_strides_and_in_its_3x3_convolution(resnext50):
    strided = [
        layer.name
        for layer in resnext50.layers
        if layer.name.startswith("res") and getattr(layer, "strides", (1,))[0] == 2
    ]
    assert sorted(strided) == sorted(f"res{s}a_branch{b}" for s in (3, 4, 5) for b in ("2b", "1"))


def test_a_group_of_stage_2_has_4_channels_and_of_stage_5_32(resnext50):
    assert resnext50.get_layer("res2c_branch2b").kernel.shape == (3, 3, 4, 128)
    assert resnext50.get_layer("res5a_branch2b").kernel.shape == (3, 3, 32, 1024)


@pytest.mark.slow
def test_c2_and_a_strided_block_are_computed_as_defined(resnext50, rng):
    """The stem, stage 2 and the first block of stage 3 in NumPy, padding alike on both sides, which
    strides make a difference of.
    """
    for layer in resnext50.layers:
        if layer.name.startswith("bn"):
            n = layer.gamma.shape[0]
            layer.set_weights(
                [
                    rng.uniform(0.5, 1, n),
                    rng.normal(0, 0.1, n),
                    rng.normal(0, 0.1, n),
                    rng.uniform(0.5, 2, n),
                ]
            )
    weights = {layer.name: [np.asarray(w) for w in layer.weights] for layer in resnext50.layers}

    def normed(x, name, *places, relu=True):
        gamma, beta, mean, variance = weights[
            f"bn_{name}" if name == "conv1" else name.replace("res", "bn")
        ]
        x = (conv(x, weights[name][0], *places) - mean) / np.sqrt(variance + 1e-3) * gamma + beta
        return np.maximum(x, 0) if relu else x

    def block(x, name, stride=1):
        y = normed(normed(x, f"res{name}_branch2a"), f"res{name}_branch2b", stride, 1)
        x = normed(x, f"res{name}_branch1", stride, relu=False) if name.endswith("a") else x
        return np.maximum(x + normed(y, f"res{name}_branch2c", relu=False), 0)

    image = rng.normal(size=(32, 32, 3)).astype(np.float32)
    x = np.pad(normed(image, "conv1", 2, 3), [(1, 1), (1, 1), (0, 0)], constant_values=-np.inf)
    x = np.lib.stride_tricks.sliding_window_view(x, (3, 3), axis=(0, 1))[::2, ::2].max((-2, -1))
    c2 = block(block(block(x, "2a"), "2b"), "2c")
    ours = resnext50(image[None])
    np.testing.assert_allclose(ours[0][0], c2, atol=1e-4 * c2.max())
    c3 = block(block(block(block(c2, "3a", 2), "3b"), "3c"), "3d")
    np.testing.assert_allclose(ours[1][0], c3, atol=1e-4 * c3.max())
