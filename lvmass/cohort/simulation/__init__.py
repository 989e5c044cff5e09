"""The simulated cohort: people, ventricles and 12-lead ECGs from a seed.

:mod:`people` draws who they are, :mod:`ventricle` their mass and its label, :mod:`dipole` the heart
vector, :mod:`torso` each person's leads, :mod:`rhythm` the beats of ten seconds, :mod:`device` the
recording; :mod:`cohort` puts them together.
"""

from lvmass.cohort.simulation.cohort import simulate_cohort
from lvmass.cohort.simulation.couplings import Couplings

__all__ = ["Couplings", "simulate_cohort"]
