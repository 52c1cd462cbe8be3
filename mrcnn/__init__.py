"""Instance segmentation with Mask R-CNN on Keras 3."""
from mrcnn.data.imgaug_import import mend_imgaug

# Scripts say `import imgaug` next, which fails beside NumPy 2 without some help.
mend_imgaug()
