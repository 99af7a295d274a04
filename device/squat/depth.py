from dataclasses import dataclass
from functools import partial
@partial(dataclass, frozen=True, slots=True)
class Depth:
    """How deep a rep was: the height of the knee top over the hip crease; + is deep.

    Attributes:
        margin: in thigh lengths (hip joint to knee joint).
        sigma: standard deviation of `margin`, in thigh lengths.
        margin_cm: the same in centimetres.
        sigma_cm: standard deviation in centimetres, with the doubt about the scale.
        p_below: probability that the crease was below the knee top, 0 to 1.
        method: name of the estimator.
        side: left or right: the better-seen leg, whose margin this is.
        margins: both legs' margins (left, right) in thigh lengths; NaN where not seen.
    """

    margin: float
    sigma: float
    margin_cm: float
    sigma_cm: float
    p_below: float
    method: str
    side: str
    margins: tuple[float, float]
