"""Reading ground truth and predictions, and keeping what a model predicts."""
