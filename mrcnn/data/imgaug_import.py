"""Old address of `mrcnn.data.augmentation.imgaug_import`.

A module rather than an entry in `mrcnn.moved`: the startup files of earlier installations import it
while Python starts, and take a folder without it for Matterport's code.
"""

from mrcnn.data.augmentation.imgaug_import import ImgaugFinder, import_imgaug, mend_imgaug

__all__ = ["ImgaugFinder", "import_imgaug", "mend_imgaug"]
