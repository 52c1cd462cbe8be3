import numpy as np
import pytest

from mrcnn.modeling.fpn import FPN
from mrcnn.modeling.gates import GATES


@pytest.fixture
def backbone_features(rng):
    return [
        rng.normal(size=(1, 64 // stride, 64 // stride, channels)).astype(np.float32)
        for stride, channels in ((4, 3), (8, 4), (16, 5), (32, 6))
    ]


def test_five_levels_of_equal_channels_halve_in_size(backbone_features):
    pyramid = FPN(8)(backbone_features)
    assert [tuple(p.shape) for p in pyramid] == [(1, n, n, 8) for n in (16, 8, 4, 2, 1)]


def test_p6_is_every_other_cell_of_p5(backbone_features):
    *_, p5, p6 = FPN(8)(backbone_features)
    np.testing.assert_array_equal(p6, np.asarray(p5)[:, ::2, ::2])


@pytest.mark.parametrize("source", range(4))
def test_information_flows_from_coarse_to_fine_only(backbone_features, source):
    fpn = FPN(8)
    before = [np.asarray(p) for p in fpn(backbone_features)[:4]]
    backbone_features[source] = backbone_features[source] + 1
    changed = [not np.array_equal(b, p) for b, p in zip(before, fpn(backbone_features)[:4])]
    assert changed == [level <= source for level in range(4)]


@pytest.mark.parametrize("gate", GATES)
def test_each_level_passes_through_a_gate_of_its_own(backbone_features, gate):
    """A gate that is turned on at P3 changes P3 alone; at P5, P6 follows."""
    fpn = FPN(8, gate)
    before = [np.asarray(p) for p in fpn(backbone_features)]
    for level, changed in ((3, [1]), (5, [3, 4])):
        fpn.gates[f"p{level}"].expand.bias.assign(np.ones(8))
        after = [np.asarray(p) for p in fpn(backbone_features)]
        assert [
            i for i, (a, b) in enumerate(zip(after, before)) if not np.array_equal(a, b)
        ] == changed
        before = after
