"""The networks, in PyTorch: one module per task. Nothing here knows of data, losses or files."""
