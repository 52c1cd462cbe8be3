"""Preview: the page shows photos as they are and as the training will have them."""

import numpy as np
import pytest

from fashion.config import RECIPES
from fashion.exploration.preview import examples, settings_summary, write_preview
from mrcnn.data.batches import training_batches
from mrcnn.data.loading.batch_loader import ExampleSpec


@pytest.fixture
def batches(validation, ontology):
    """Of the four drawings of the sample, pasted into each other at random scales."""
    sizes = {
        "NUM_CLASSES": ontology.num_classes,
        "NUM_ATTRIBUTES": ontology.num_attributes,
        "STEPS_PER_EPOCH": None,
    }
    return training_batches(
        validation,
        RECIPES["smoke"].from_dict(sizes | {"COPY_PASTE": 1.0, "SCALE_JITTER": [0.5, 1.5]}),
    )


@pytest.mark.slow
def test_the_page_has_a_row_for_each_photo_and_needs_no_other_file(batches, ontology, tmp_path):
    path = write_preview(tmp_path / "new", batches, ontology, num_images=3, num_variants=2)
    page = path.read_text()
    assert page.count("<h3>") == page.count("<img") == 3 and "http" not in page
    assert "a scale of 0.5 to 1.5 (SCALE_JITTER)" in page and "100% have objects" in page


def test_what_is_drawn_is_what_is_taught(batches, ontology, validation):
    ((photo, truth),) = examples(batches, [ExampleSpec(0, 1)], ontology)
    batch = batches.load([ExampleSpec(0, 1)])
    count = (batch["gt_class_ids"][0] > 0).sum()
    assert count == len(validation.image_class_ids(1)) and (photo == batch["images"][0]).all()
    np.testing.assert_array_equal(truth["boxes"], batch["gt_boxes"][0, :count])
    expected = [
        np.array(ontology.attribute_ids)[row > 0].tolist()
        for row in validation.load_instance_fields(1)["gt_attributes"]
    ]
    assert [ids.tolist() for ids in truth["attributes"]] == expected


def test_the_settings_are_told(batches):
    batches.config.SCALE_JITTER, batches.config.COPY_PASTE, batches.config.AUGMENT = None, 0, False
    assert settings_summary(batches.config).startswith(
        "Images have a fixed scale (SCALE_JITTER) and are not augmented (AUGMENT); 0% have"
    )
