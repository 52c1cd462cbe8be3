"""The networks: shapes, parameters counted by hand, dilation, XLA, and whether each can learn two
pictures by heart.
"""

import cv2
import numpy as np
import pytest
from keras import ops

from fashion.semantic.networks import NETWORKS, build_network
from fashion.studies.segmentation import Variant
from mrcnn.inference.compiled import compiled
from mrcnn.modeling.backbones.resnet import resnet
from mrcnn.weights.layer_files import load_weights, save_weights, weight_layers

CLASSES, WIDTH = 5, 4
# One network is compiled by XLA, and learns, in seconds.
ONE = [
    pytest.param(name, marks=pytest.mark.slow if name == "unet" else pytest.mark.full)
    for name in NETWORKS
]


@pytest.fixture(scope="module")
def built():
    """built(name) -> the network of width 4 for pictures of 32, made once."""
    made = {}

    def get(name):
        if name not in made:
            made[name] = build_network(name, 32, CLASSES, WIDTH)
        return made[name]

    return get


def conv(channels, filters, size=3):
    """Parameters of a convolution without a bias and its batch normalisation: gamma, beta, mean,
    variance.
    """
    return size**2 * channels * filters + 4 * filters


def unet_by_hand(w, classes):
    down = (
        conv(3, w)
        + conv(w, w)
        + sum(
            conv(w * 2**i, w * 2 ** (i + 1)) + conv(w * 2 ** (i + 1), w * 2 ** (i + 1))
            for i in range(4)
        )
    )
    up = sum(4 * (2 * f) * f + f + conv(2 * f, f) + conv(f, f) for f in (8 * w, 4 * w, 2 * w, w))
    return down + up + w * classes + classes


def segnet_by_hand(w, classes):
    down = [3, w, w, 2 * w, 2 * w, 4 * w, 4 * w, 4 * w, 8 * w, 8 * w, 8 * w, 8 * w, 8 * w, 8 * w]
    up = [8 * w] * 3 + [8 * w, 8 * w, 4 * w] + [4 * w, 4 * w, 2 * w] + [2 * w, w] + [w]
    return (
        sum(map(conv, down, down[1:]))
        + sum(map(conv, [down[-1], *up], up))
        + 9 * w * classes
        + classes
    )


def test_unet_has_the_parameters_of_its_drawing(built):
    assert built("unet").count_params() == unet_by_hand(WIDTH, CLASSES)


def test_segnet_has_the_parameters_of_its_drawing(built):
    assert built("segnet").count_params() == segnet_by_hand(WIDTH, CLASSES)


@pytest.fixture(scope="module")
def wide_fcn():
    """Of the width of the published ResNet-50."""
    return build_network("fcn", 64, 21, 64)


@pytest.mark.slow
def test_fcn_is_a_resnet_50_and_a_head(wide_fcn):
    """torchvision's ResNet-50 without its classifier has 23,508,032 parameters; ours has biases in
    53 convolutions as well (26,560 channels in all, of which batch normalisation also keeps mean
    and variance).
    """
    head = conv(2048, 512) + 512 * 21 + 21
    assert wide_fcn.count_params() == 23_508_032 + 3 * 26_560 + head


@pytest.mark.slow
@pytest.mark.parametrize("name", NETWORKS)
def test_every_pixel_has_a_logit_for_every_class(built, name):
    logits = built(name)(np.zeros((2, 32, 32, 3), np.float32))
    assert tuple(logits.shape) == (2, 32, 32, CLASSES)


@pytest.mark.slow
def test_the_dilated_resnet_has_the_same_layers_and_shapes_and_does_not_shrink_further(
    built, wide_fcn
):
    plain, dilated = weight_layers(resnet("resnet50")), weight_layers(wide_fcn)
    assert all(
        [tuple(w.shape) for w in dilated[name].weights] == [tuple(w.shape) for w in layer.weights]
        for name, layer in plain.items()
    )
    last = built("fcn").get_layer("res5c_out").output
    assert tuple(last.shape[1:]) == (4, 4, 32 * WIDTH)
    expected = {"3d": 1, "4a": 1, "4b": 2, "4f": 2, "5a": 2, "5b": 4, "5c": 4}
    assert {
        name: built("fcn").get_layer(f"res{name}_branch2b").dilation_rate[0] for name in expected
    } == expected


@pytest.mark.parametrize("name", ONE)
def test_xla_computes_the_same_and_saved_weights_too(built, name, tmp_path):
    model = built(name)
    x = ops.convert_to_tensor(
        np.random.default_rng(0).normal(size=(1, 32, 32, 3)).astype(np.float32)
    )
    plain = np.array(model(x))
    step = compiled(lambda images: model(images), model, xla=True)
    np.testing.assert_allclose(np.array(step(x)), plain, rtol=1e-3, atol=1e-3 * np.abs(plain).max())
    save_weights(model, tmp_path / "w.h5")
    other = build_network(name, 32, CLASSES, WIDTH)
    assert not np.allclose(np.array(other(x)), plain)
    load_weights(other, tmp_path / "w.h5")
    assert np.array_equal(np.array(other(x)), plain)


@pytest.mark.parametrize("name", ONE)
def test_two_pictures_can_be_learned_by_heart(name, squares):
    import keras

    from fashion.semantic.label_maps import LabelBatches, LabelledImages
    from fashion.semantic.losses import median_frequency_weights

    keras.utils.set_random_seed(0)
    model, variant = build_network(name, 32, 3, 8), Variant(name, "ce", "adam", 32)
    photos = LabelledImages(squares(2), 32)
    images, labels = LabelBatches(photos, 2, NETWORKS[name].pixels)[0]
    # A pocket is a fiftieth of the pixels, and would be learned last.
    model.compile(
        variant.make_optimizer(1),
        loss=variant.make_loss(0, median_frequency_weights(*photos.frequencies())),
    )
    model.optimizer.learning_rate = (
        5e-3  # two pictures bear more than many do, and are sooner learned
    )
    model.optimizer.build(model.trainable_variables)  # else TensorFlow traces the first step twice
    steps = 20
    many_images, many_labels = (np.concatenate([array] * steps) for array in (images, labels))
    wanted = range(
        2 if name == "fcn" else 3
    )  # a pocket of 4 x 4 is less than a cell of the FCN, of 8 x 8,
    judged = [labels == label for label in wanted]
    if name == "fcn":  # and half a cell beside an edge it cannot know the side
        judged = [
            np.stack(
                [cv2.erode(np.uint8(one), np.ones((7, 7), np.uint8), borderValue=1) for one in mask]
            )
            > 0
            for mask in judged
        ]
        assert all(mask.sum() > 50 for mask in judged)
    for _ in range(400 // steps):
        model.fit(many_images, many_labels, batch_size=2, shuffle=False, verbose=0)
        said = np.argmax(model.predict(images, verbose=0), axis=-1)
        found = [(said == label)[judged[label]].mean() for label in wanted]
        if min(found) > 0.9:
            return
    pytest.fail(f"of every class this share was found: {found}")


def test_sizes_that_cannot_be_halved_are_refused():
    with pytest.raises(
        ValueError, match="multiple of 32 .* Got 100; the nearest that work are 96 and 128"
    ):
        build_network("unet", 100, 5, 4)


@pytest.mark.parametrize("name", ONE)
def test_channels_come_last_whatever_keras_is_told(name, channels_first):
    model = build_network(name, 32, CLASSES, WIDTH)
    assert model(np.zeros((2, 32, 32, 3), np.float32)).shape == (2, 32, 32, CLASSES)
