"""People that squat, made by computer, with exact truth: bodies, motion, scene, rendering, truth."""
