from enum import Enum
class Phase(str, Enum):
    """A part of the movement."""

    STANDING = "standing"
    ECCENTRIC = "eccentric"
    BOTTOM = "bottom"
    CONCENTRIC = "concentric"
    LOCKOUT = "lockout"
