"""The match table, by pencil: boxes in a row, of which each prediction takes the unmatched one that
it overlaps most.
"""

import numpy as np
import pytest

from fashion.evaluation.matching import RELATED, MatchTable


def item(x, score=1.0, category=3, image=7, **more):
    fields = {"image_id": image, "category_id": category, "bbox": [x, 0, 10, 10], "score": score}
    return fields | more


def built(objects, found):
    truth = {
        "images": [{"id": i, "height": 40, "width": 99} for i in (7, 2)],
        "categories": [{"id": 5, "name": "shoe"}, {"id": 3, "name": "shirt"}],
        "attributes": [{"id": i} for i in (1, 2, 4)],
        "annotations": [row | {"id": 9 - n} for n, row in enumerate(objects)],
    }
    return MatchTable.build(truth, found, "bbox")


@pytest.mark.parametrize(("threshold", "wanted"), [(0.5, [(1, 0)]), (0.3, [(1, 0), (2, 1)])])
def test_the_most_confident_chooses_first_and_no_object_twice(threshold, wanted):
    """The first lies on an object that is taken; at IoU 2/3 and 1/3 the others overlap theirs."""
    table = built([item(0), item(20)], [item(3, 0.8), item(2, 0.9), item(25, 0.7)])
    predictions, objects = table.matches(threshold)
    assert list(zip(table.pred_index[predictions], table.gt_index[objects])) == wanted


def test_crowds_are_matched_by_nothing_and_compared_both_ways():
    table = built([item(0, iscrowd=1), item(30)], [item(5, 0.9)])
    assert [len(rows) for rows in table.matches(0.1)] == [0, 0]
    (block,) = table.blocks
    assert block.iou[0].tolist() == [0.5, 0]  # the share of the prediction in the crowd
    assert block.iou_without_crowds[0].tolist() == pytest.approx([1 / 3, 0])


def test_rows_are_sorted_by_category_image_and_confidence():
    found = [item(0, 0.5), item(0, 0.9, image=2), item(0, 0.7, category=5), item(0, 0.8)]
    table = built([item(0)], found)
    assert table.pred_index.tolist() == [1, 3, 0, 2] and table.pred_rank.tolist() == [0, 0, 1, 0]
    assert (table.category_ids, table.image_ids) == ((3, 5), (2, 7))
    assert table.predictions_of(0) == slice(0, 3) and table.objects_of(1) == slice(1, 1)


def test_views_keep_the_first_predictions_of_each_block():
    table = built([item(0), item(20)], [item(0, 0.4), item(1, 0.9), item(2, 0.6)])
    assert table.top(3) is table and table.confident(0.4) is table
    assert table.top(2).pred_index.tolist() == [1, 2]
    (block,) = table.confident(0.7).blocks
    np.testing.assert_array_equal(block.iou, table.blocks[0].iou[:1])
    assert table.confident(1.0).blocks == ()


def test_objects_can_be_sorted_by_id():
    table = built([item(0), item(20)], [item(0)])
    turned = table.sorted_by_id()
    assert turned.gt_index.tolist() == [1, 0] and turned.blocks[0].iou.tolist() == [[0, 1]]
    assert turned.sorted_by_id() is turned


def test_an_image_has_predictions_by_confidence_across_categories():
    found = [item(0, 0.5), item(0, 0.9, category=5), item(0, 0.7)]
    table = built([item(0, category=5), item(0)], found)
    seven, two = table.images()
    assert table.pred_index[seven.predictions].tolist() == [1, 2, 0]
    assert table.gt_index[seven.objects].tolist() == [0, 1]
    assert seven.iou.tolist() == [[1, 0], [0, 1], [0, 1]] and two.iou.shape == (0, 0)


def test_shared_attributes_are_counted():
    objects = [item(0, attribute_ids=[1, 2]), item(20)]
    table = built(objects, [item(0, attribute_ids=[2, 4, 4])])
    assert table.blocks[0].shared.tolist() == [[1, 0]]
    assert (table.pred_attributes.tolist(), table.gt_attributes.tolist()) == ([2], [2, 0])


def test_related_pairs_are_of_any_categories():
    """IoU 1 with its own, 2/3 with another category, 1/19 with a third object."""
    table = built([item(0), item(2, category=5), item(9, category=5)], [item(0)])
    predictions, objects, iou = table.related_pairs
    assert predictions.tolist() == [0, 0] and table.gt_index[objects].tolist() == [0, 1]
    assert iou.tolist() == pytest.approx([1, 2 / 3]) and iou.min() >= RELATED


@pytest.mark.parametrize(
    "found, message",
    [
        ([item(0, image=8)], "1 image that the ground truth does not list: 8"),
        ([item(0, category=4)], "1 category that the ground truth does not list: 4"),
        ([item(0, attribute_ids=[3])], "1 attribute that the ground truth does not list: 3"),
    ],
)
def test_unknown_ids_are_refused(found, message):
    with pytest.raises(ValueError, match=message):
        built([item(0)], found)
