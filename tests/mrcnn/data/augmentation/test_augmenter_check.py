import numpy as np
import pytest

from mrcnn.data.augmentation.augmenter_check import alignment_problem, raise_problems


class Stranger:
    used = 0


def moves_both(node, image, mask, seed):
    return np.roll(image, 8, axis=1), np.roll(mask, 8, axis=1)


def moves_the_image(node, image, mask, seed):
    return np.roll(image, 8, axis=1), mask


def erases_both(node, image, mask, seed):
    return np.zeros_like(image), np.zeros_like(mask)


def crops_the_mask(node, image, mask, seed):
    return image, mask[1:]


def counts_its_uses(node, image, mask, seed):
    node.used += 1
    return (
        moves_both(node, image, mask, seed)
        if node.used < 8
        else moves_the_image(node, image, mask, seed)
    )


@pytest.mark.parametrize("augment", [moves_both, erases_both])
def test_what_treats_image_and_mask_alike_has_no_problem(augment):
    assert alignment_problem(Stranger(), augment, "do this.") is None


def test_what_moves_the_image_only_is_told_so():
    assert (
        alignment_problem(Stranger(), moves_the_image, "do this.")
        == "Stranger moved a test image and its mask apart: do this."
    )


def test_a_stranger_is_tried_eight_times_on_one_copy():
    stranger = Stranger()
    assert alignment_problem(stranger, counts_its_uses, "do this.") and stranger.used == 0


def test_what_changes_the_size_or_cannot_be_copied_fails_in_words():
    said = alignment_problem(Stranger(), crops_the_mask, "do this.")
    assert said.startswith(
        "Stranger failed on a test image (ValueError: the canvas (96, 128) became "
    )
    assert said.endswith("(95, 128) for the mask): do this.")
    assert alignment_problem((n for n in "ab"), moves_both, "do this.").startswith(
        "generator failed on a test image (TypeError: "
    )


def test_all_problems_are_named_once_in_one_error():
    raise_problems([])
    raise_problems([None, None])
    with pytest.raises(ValueError) as error:
        raise_problems(iter(["A moves.", None, "B blurs.", "A moves."]))
    assert (
        str(error.value)
        == "This augmentation would not keep masks on their objects:\n  A moves.\n  B blurs."
    )
