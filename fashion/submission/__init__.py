"""Kaggle submissions: detections become a CSV file that the server accepts."""
