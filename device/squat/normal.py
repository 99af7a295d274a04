"""The normal distribution, as far as depth needs it."""

import math


def below(margin: float, sigma: float) -> float:
    """Probability that the true margin is above zero, given the measured one and its standard deviation."""
    return 0.5 * (1 + math.erf(margin / sigma / math.sqrt(2)))
