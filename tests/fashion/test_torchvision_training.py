"""torchvision beside ours: it starts from the weights of our backbone, layer by layer."""

import numpy as np
import pytest

from fashion.studies.torchvision_network import converted


@pytest.mark.slow
def test_the_start_weights_of_our_backbone_have_the_names_of_torchvision(ontology, tiny_settings):
    from fashion.commands.torchvision_training import _start_of
    from fashion.commands.train import recipe_config

    settings = tiny_settings | {"BACKBONE": "resnet50", "STAGES": [["all", "all", 1, 0.001]]}
    config = recipe_config("smoke", ontology, settings)
    arrays = _start_of(
        {
            "recipe": "smoke",
            "config": config.to_dict(),
            "ontology": ontology.to_dict(),
            "weights": "none",
            "exclude": None,
        }
    )
    state = converted(arrays)
    assert len(state) == 53 * 5
    assert state["conv1.weight"].shape == (64, 3, 7, 7)
    assert state["layer4.2.conv3.weight"].shape == (2048, 512, 1, 1)
    assert all(np.isfinite(value).all() for value in state.values())
