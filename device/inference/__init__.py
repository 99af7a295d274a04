"""TFLite models: from a frame to keypoints."""
