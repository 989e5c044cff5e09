"""Augmentation: what it may change, by how much, and what it must leave alone."""

import numpy as np
import pytest
import torch

from lvmass.ecg.recording import INDEPENDENT_LEADS, LEADS, assemble_leads
from lvmass.training.augmentation import _move_chest_electrodes, augment
from lvmass.training.settings import FitConfig

NOTHING = {"shift_ms": 0.0, "noise_mv": 0.0, "electrode_shift": 0.0, "chest_voltage_cv": 0.0, "covariate_dropout": 0.0}
BEATS = torch.randn(400, 12, 100, generator=torch.Generator().manual_seed(0))
COVARIATES = torch.randn(400, 6, generator=torch.Generator().manual_seed(1))


def augmented(**settings: float) -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(2)
    return augment(BEATS, COVARIATES, FitConfig.model_validate(NOTHING | settings), 500.0)


def test_nothing_asked_nothing_done() -> None:
    beats, covariates = augmented()
    assert torch.equal(beats, BEATS)
    assert torch.equal(covariates, COVARIATES)


def test_shift_moves_all_leads_together_within_its_limit() -> None:
    beats, _ = augmented(shift_ms=8.0)  # 4 samples
    found = set()
    for before, after in zip(BEATS, beats, strict=True):
        shifts = [s for s in range(-4, 5) if torch.equal(after[:, 10:-10], before[:, 10 + s : 90 + s])]
        assert len(shifts) == 1
        found.add(shifts[0])
    assert found == set(range(-4, 5))


def test_chest_voltages_vary_as_from_day_to_day_and_limb_leads_do_not() -> None:
    beats, _ = augmented(chest_voltage_cv=0.2)
    assert torch.equal(beats[:, : LEADS.index("V1")], BEATS[:, : LEADS.index("V1")])
    gain = (beats / BEATS)[:, LEADS.index("V1") :]
    torch.testing.assert_close(gain.amin(dim=2), gain.amax(dim=2), rtol=1e-3, atol=0)  # one gain a lead
    assert float(gain[:, :, 0].std()) == pytest.approx(0.2, rel=0.1)
    with pytest.raises(ValueError, match="chest_voltage_cv"):
        FitConfig(chest_voltage_cv=0.3)  # more than measured


def test_moved_electrodes_read_between_their_neighbours() -> None:
    chest = BEATS[:, 6:]
    assert torch.equal(_move_chest_electrodes(chest, torch.zeros(400, 6, 1)), chest)
    v3, v4 = chest[:, 2], chest[:, 3]
    torch.testing.assert_close(
        _move_chest_electrodes(chest, torch.full((400, 6, 1), 0.25))[:, 2], 0.75 * v3 + 0.25 * v4
    )
    torch.testing.assert_close(_move_chest_electrodes(chest, torch.full((400, 6, 1), -1.0))[:, 3], v3)
    beats, _ = augmented(electrode_shift=0.1)
    assert torch.equal(beats[:, :6], BEATS[:, :6])
    assert not torch.equal(beats[:, 6:], chest)


def test_noise_has_its_sd() -> None:
    beats, _ = augmented(noise_mv=0.05)
    independent = list(INDEPENDENT_LEADS)
    assert float((beats - BEATS)[:, independent].std()) == pytest.approx(0.05, rel=0.01)


def test_limb_leads_keep_their_relations() -> None:
    eight = ["I", "II", "V1", "V2", "V3", "V4", "V5", "V6"]
    beats = torch.from_numpy(np.stack([assemble_leads(eight, beat[:8].numpy(), "eight leads") for beat in BEATS]))
    torch.manual_seed(2)
    one, two, three, avr, avl, avf = augment(beats, COVARIATES, FitConfig(noise_mv=0.05), 500.0)[0].unbind(1)[:6]
    assert not torch.equal(one, beats[:, 0])
    for found, expected in ((three, two - one), (avr, -(one + two) / 2), (avl, one - two / 2), (avf, two - one / 2)):
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-6)


def test_masked_covariates_are_flagged_as_missing() -> None:
    _, covariates = augmented(covariate_dropout=0.3)
    masked = covariates[:, :3] == 0
    assert float(masked.float().mean()) == pytest.approx(0.3, abs=0.05)
    assert (covariates[:, 3:][masked] == 1).all()
    assert torch.equal(covariates[:, 3:][~masked], COVARIATES[:, 3:][~masked])
    assert augment(BEATS, COVARIATES[:, :0], FitConfig(), 500.0)[1].shape == (400, 0)


def test_sex_is_never_masked() -> None:
    settings = FitConfig.model_validate(NOTHING | {"covariate_dropout": 0.5})
    _, covariates = augment(BEATS, COVARIATES, settings, 500.0, known=[0])
    assert torch.equal(covariates[:, [0, 3]], COVARIATES[:, [0, 3]])
    assert (covariates[:, 1] == 0).any()
