"""Names that the options of `segment` take, without the networks behind them."""

MULTIPLE = 32  # sides of the input are multiples of it: the networks halve the image five times
NETWORK_TITLES = {
    "unet": "U-Net",
    "segnet": "SegNet",
    "fcn": "FCN-ResNet50",
    "unet_lite0": "U-Net on Lite0",
}
