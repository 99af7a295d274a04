"""What the networks are for: one module per task, each a `Task` (task.py)."""
