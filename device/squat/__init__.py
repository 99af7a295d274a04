"""The judge itself: pure functions and state machines over keypoints; numpy and the standard library only."""
