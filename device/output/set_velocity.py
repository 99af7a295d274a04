"""How much slower the bar gets within a set: by what lifters who train by velocity end one."""


class VelocityLoss:
    """Compares each rep's mean velocity with the fastest of its set so far."""

    def __init__(self) -> None:
        self._set, self._fastest_m_s = 0, 0.0

    def see(self, set_number: int, mean_m_s: float | None) -> float | None:
        """The share of the fastest rep's mean velocity that this one lacks, 0 to 1.

        Args:
            set_number: of the rep; another one begins anew.
            mean_m_s: the bar's mean velocity on the way up; None = not measured.

        Returns:
            None where it was not measured; 0 for the fastest.
        """
        if set_number != self._set:
            self._set, self._fastest_m_s = set_number, 0.0
        if mean_m_s is None:
            return None
        self._fastest_m_s = max(self._fastest_m_s, mean_m_s)
        return 1 - mean_m_s / self._fastest_m_s if self._fastest_m_s > 0 else None
