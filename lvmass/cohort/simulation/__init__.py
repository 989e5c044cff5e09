"""The simulated cohort: people, ventricles and 12-lead ECGs from a seed.

:mod:`constants` holds every number that was chosen or fitted. :mod:`people` draws who they are and their mass,
:mod:`drivers` what that does to an ECG, :mod:`heart` the heart vector and each person's leads, :mod:`recording` ten
seconds of it; :mod:`cohort` puts them together. ``benchmarks/simulation_card.py`` says how near to life it comes.
"""

from lvmass.cohort.simulation.cohort import simulate_cohort
from lvmass.cohort.simulation.drivers import Couplings

__all__ = ["Couplings", "simulate_cohort"]
