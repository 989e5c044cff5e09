"""People: their table, their ECG files, and the simulated cohort that stands in for private data."""

from lvmass.cohort.manifest import Cohort, load_cohort
from lvmass.cohort.simulation.cohort import simulate_cohort

__all__ = ["Cohort", "load_cohort", "simulate_cohort"]
