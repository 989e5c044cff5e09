"""lvmass: left-ventricular mass from the 12-lead ECG, as a study one can read, re-run and re-aim."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lvmass.study.study import Study

__all__ = ["Study", "__version__"]
__version__ = "0.1.0"


def __getattr__(name: str) -> object:
    """Import ``Study`` when it is first asked for: it brings torch and Lightning, which most uses do not need."""
    if name == "Study":
        from lvmass.study.study import Study

        return Study
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
