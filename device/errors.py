"""One family of errors, each also a builtin error, each with the exit code the command line ends with."""


class SquatlightError(Exception):
    """A failure with one clear line for the person; never shown with a traceback."""

    exit_code = 1


class PartFailed(SquatlightError, RuntimeError):
    """A part failed at run time: pins in use, broker away in `check`, disk full."""


class InputError(SquatlightError, ValueError):
    """A clip, a model or an argument that cannot be used."""

    exit_code = 2


class ModelError(InputError):
    """A model file is missing, damaged or not the one that is asked for."""


class SettingsError(SquatlightError, ValueError):
    """Settings that cannot be read or understood."""

    exit_code = 78
