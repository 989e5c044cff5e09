"""People: their table, their ECG files, and the simulated cohort that stands in for private data."""

from lvmass.cohort.manifest import Cohort, content_key, load_cohort, patient_groups
from lvmass.cohort.schema import (
    bsa_mosteller_m2,
    check_person,
    data_dictionary,
    subjects_schema,
    validate_subjects,
)
from lvmass.cohort.simulation.cohort import simulate_cohort
from lvmass.cohort.simulation.drivers import Couplings

__all__ = [
    "Cohort",
    "Couplings",
    "bsa_mosteller_m2",
    "check_person",
    "content_key",
    "data_dictionary",
    "load_cohort",
    "patient_groups",
    "simulate_cohort",
    "subjects_schema",
    "validate_subjects",
]
