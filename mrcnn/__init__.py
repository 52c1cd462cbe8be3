"""Instance segmentation with Mask R-CNN on Keras 3."""

from mrcnn.data.augmentation.imgaug_import import mend_imgaug
from mrcnn.import_path import use_text_only, warn_of_older_copies
from mrcnn.moved import MOVED_MODULES, register

use_text_only()
warn_of_older_copies()
# Scripts say `import imgaug` next, which fails beside NumPy 2 without some help.
mend_imgaug()
register(MOVED_MODULES)
