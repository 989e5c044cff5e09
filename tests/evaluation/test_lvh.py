"""LVH cut-offs have one home."""

from lvmass.evaluation import LVH_CUTOFF_SOURCES, LVH_CUTOFFS_G_M2
from lvmass.report.words import printed


def test_every_set_of_cutoffs_has_a_label_that_is_printed_without_its_brackets() -> None:
    assert list(LVH_CUTOFF_SOURCES) == list(LVH_CUTOFFS_G_M2)
    names = [printed(name) for name in LVH_CUTOFFS_G_M2]
    assert names[:3] == ["Fuchs 2016", "UK Biobank", "Budoff 2009"]
    assert not [name for name in names if "(" in name]
