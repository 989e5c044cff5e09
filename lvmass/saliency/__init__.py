"""Which parts of an ECG move an estimate: maps in grams, what they add up to, and tests of whether to believe them."""

from lvmass.saliency.maps import METHODS, attribute
from lvmass.saliency.waves import WAVES, by_lead_and_wave, cells_of, wave_of_samples

__all__ = ["METHODS", "WAVES", "attribute", "by_lead_and_wave", "cells_of", "wave_of_samples"]
