"""squatlight: a camera on the wall judges squats. The structure stands in README.md."""

__version__ = "0.1.0"
