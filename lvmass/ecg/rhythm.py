"""Former home of `fibrillation_sign`."""

from lvmass.ecg.intervals import fibrillation_sign as fibrillation_sign
