"""The door `mrcnn.visualize`: Matterport's names lead to the right rooms."""
from mrcnn import visualize
from mrcnn.drawing import colors, figures


def test_the_names_are_those_of_the_drawing():
    assert visualize.display_instances is figures.display_instances and visualize.display_images is figures.display_images
    assert visualize.random_colors is colors.random_colors


def test_every_promised_name_is_there():
    assert all(callable(getattr(visualize, name)) for name in visualize.__all__)
