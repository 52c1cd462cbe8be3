"""Kaggle submissions: detections become a CSV file that the server accepts."""

# A mask that keeps less than this share of its pixels is usually a second detection of the same
# garment, and what is left of it are shards along its edge. Kaggle 2020 of weights/ccp.h5 on the
# 103 validation images of ccp, from a confidence of 0.5: 0.160 at share 0, 0.189 at 0.1, 0.208 at
# 0.3, 0.215 at 0.5, 0.219 at 0.7; from a confidence of 0.8: 0.265 at 0, 0.299 from 0.4 to 0.7.
MIN_SHARE = 0.5
