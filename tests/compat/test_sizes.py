"""Sizes other than usual: finer masks, sparser anchors, a backbone of the script's own, every way
to resize photos."""

import keras
import numpy as np
import pytest

import mrcnn.model as modellib
from mrcnn import utils


def trained_and_found(model, dataset, photos):
    """A step of training, then the result of every photo."""
    model.train(dataset, dataset, learning_rate=1e-3, epochs=1, layers="all")
    assert np.isfinite(model.keras_model.history.history["loss"]).all()
    results = model.detect(photos)
    for photo, r in zip(photos, results):
        assert r["masks"].shape == (*photo.shape[:2], len(r["rois"]))
        assert (r["rois"] >= 0).all() and (r["rois"] <= np.tile(photo.shape[:2], 2)).all()
    return results


def odd_photos(*sizes):
    rng = np.random.default_rng(4)
    return [rng.integers(0, 256, (*size, 3)).astype(np.uint8) for size in sizes]


@pytest.fixture(scope="module")
def fine_and_sparse(shapes_config, shapes, tmp_path_factory):
    """A network with finer masks and sparser anchors, and what it found in a photo."""

    class FineAndSparseConfig(shapes_config):
        MASK_POOL_SIZE = 28
        MASK_SHAPE = [56, 56]
        MINI_MASK_SHAPE = (112, 112)
        RPN_ANCHOR_STRIDE = 2
        IMAGES_PER_GPU = 1
        IMAGE_MIN_DIM = 192
        IMAGE_MAX_DIM = 192

    keras.utils.set_random_seed(
        0
    )  # untrained weights of another seed may move every box out of the photo
    model = modellib.MaskRCNN(
        mode="training", config=FineAndSparseConfig(), model_dir=tmp_path_factory.mktemp("logs")
    )
    found = trained_and_found(model, shapes(2), odd_photos((150, 191)))[0]
    assert len(found["rois"]) > 0
    return model, found


@pytest.mark.slow
def test_masks_may_be_finer(fine_and_sparse):
    assert fine_and_sparse[1]["mask_probabilities"].shape[1:] == (56, 56)


def test_masks_that_the_head_cannot_make_are_refused(shapes_config):
    class WrongConfig(shapes_config):
        MASK_SHAPE = [42, 42]

    with pytest.raises(
        ValueError, match=r"MASK_SHAPE must be twice MASK_POOL_SIZE.*set MASK_SHAPE = \(28, 28\)"
    ):
        WrongConfig()


@pytest.mark.slow
def test_anchors_may_be_sparser_where_levels_are_odd(fine_and_sparse):
    """192 pixels make levels of 48, 24, 12, 6 and 3 cells; every other one of 3 are 2."""
    assert len(fine_and_sparse[0].get_anchors((192, 192, 3))) == 3 * (
        24**2 + 12**2 + 6**2 + 3**2 + 2**2
    )


@pytest.mark.slow
def test_the_backbone_may_be_a_function(shapes_config, shapes, tmp_path):
    def small_graph(input_image, stage5=True, train_bn=True):
        assert stage5 and train_bn is False
        features, x = [], input_image
        for i in range(1, 6):
            x = keras.layers.Conv2D(8, 3, strides=2, padding="same", name=f"res{i}x_conv")(x)
            x = modellib.BatchNorm(name=f"bn{i}x_conv")(x, training=train_bn)
            x = keras.layers.Activation("relu")(x)
            features.append(x)
        return features

    class OwnConfig(shapes_config):
        BACKBONE = staticmethod(small_graph)

        @staticmethod
        def COMPUTE_BACKBONE_SHAPE(image_shape):
            return np.array(
                [
                    [int(np.ceil(image_shape[0] / s)), int(np.ceil(image_shape[1] / s))]
                    for s in (4, 8, 16, 32, 64)
                ]
            )

    model = modellib.MaskRCNN(mode="training", config=OwnConfig(), model_dir=tmp_path)
    assert modellib.compute_backbone_shapes(model.config, (64, 128, 3)).tolist() == [
        [16, 32],
        [8, 16],
        [4, 8],
        [2, 4],
        [1, 2],
    ]
    trained_and_found(model, shapes(2), odd_photos((64, 64)))
    assert "BACKBONE" in model.config.to_dict()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("mode", "batch", "canvases"),
    [
        ("square", 2, [(64, 64)] * 3),
        ("crop", 2, [(64, 64)] * 3),
        ("pad64", 1, [(192, 64), (64, 192), (128, 64)]),
    ],
)
def test_photos_of_odd_sizes_are_taken_in_every_mode(
    shapes_config, shapes, made, mode, batch, canvases
):
    class ResizedConfig(shapes_config):
        IMAGE_RESIZE_MODE = mode
        IMAGES_PER_GPU = batch

    model, photos = made(ResizedConfig()), odd_photos((97, 33), (31, 89), (64, 63))
    trained_and_found(model, shapes(2), photos)
    assert [model.mold_inputs([photo])[0].shape[1:3] for photo in photos] == canvases
    image, meta, *_ = modellib.load_image_gt(shapes(1), ResizedConfig(), 0)
    assert modellib.parse_image_meta(meta[None])["image_shape"].tolist() == [list(image.shape)]


@pytest.mark.slow
def test_photos_that_need_no_resizing_are_taken_as_they_are(shapes_config, made):
    class AsIsConfig(shapes_config):
        IMAGE_RESIZE_MODE = "none"

    class Photos(utils.Dataset):
        def load_image(self, image_id):
            return np.full((128, 64, 3), 100, np.uint8)

        def load_mask(self, image_id):
            masks = np.zeros((128, 64, 1), np.uint8)
            masks[20:90, 10:50] = 1
            return masks, np.array([1])

    dataset = Photos()
    dataset.add_class("photos", 1, "box")
    for i in range(2):
        dataset.add_image("photos", image_id=i, path=None)
    dataset.prepare()
    model = made(AsIsConfig())
    trained_and_found(model, dataset, odd_photos((128, 64), (128, 64), (64, 64)))
    image, _, _, boxes, _ = modellib.load_image_gt(dataset, AsIsConfig(), 0)
    assert image.shape == (128, 64, 3) and boxes.tolist() == [[20, 10, 90, 50]]
    with pytest.raises(ValueError, match="multiples of 64.*Got 97 x 33; use 'pad64'"):
        model.detect(odd_photos((97, 33)))
