"""One fit: settings, augmentation, the fit itself, baselines without waveform, the saved model."""
