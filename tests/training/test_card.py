"""What a saved model says of the people it was trained on: groups only, and probabilities that hold."""

import numpy as np
import pandas as pd
import pytest

from lvmass.training.card import Range, probability_above_cutoff, training_ranges


def people(n: int, sex: str = "female") -> pd.DataFrame:
    generator = np.random.default_rng(0)
    values = {"age_years": (60, 10), "height_cm": (160, 7), "weight_kg": (65, 10), "lvm_g": (100, 20)}
    table = {name: generator.normal(mean, sd, n) for name, (mean, sd) in values.items()}
    return pd.DataFrame({"sex": sex, **table, "qrs_duration_ms": generator.normal(90, 10, n)})


def test_nobody_is_described_alone() -> None:
    women = people(200)
    women["qrs_duration_ms"] = women["qrs_duration_ms"].where(women.index < 4)
    table = pd.concat([women, people(4, "male")])
    found = training_ranges(table)
    assert set(found) == {"female"}  # four men are too few
    assert "qrs_duration_ms" not in found["female"]  # and so are four known values
    span = found["female"]["weight_kg"]
    assert span.people == 200
    assert span.percentiles[50] == pytest.approx(table["weight_kg"][:200].median(), abs=0.05)
    assert span.holds(65)
    assert span.holds(float("nan"))
    assert not span.holds(120)


@pytest.mark.parametrize(("n", "outer"), [(20, (5, 95)), (200, (5, 95)), (600, (1, 99))])
def test_ranges_of_few_people_are_nobodys_own_values(n: int, outer: tuple[int, int]) -> None:
    table = people(n)
    for name, span in training_ranges(table)["female"].items():
        assert (min(span.percentiles), max(span.percentiles)) == outer
        if n < 100 and name in table:  # the mean and SD alone decide
            mean, sd = table[name].mean(), table[name].std()
            assert span.percentiles[95] == pytest.approx(mean + 1.6449 * sd, abs=0.1)
        assert span.holds(span.percentiles[50])
        assert not span.holds(10 * span.percentiles[50])


def test_a_range_of_fewer_people_is_refused() -> None:
    with pytest.raises(ValueError, match="people"):
        Range(people=4, percentiles=dict.fromkeys((1, 25, 50, 75, 99), 1.0))


def test_probability_holds_where_true_masses_scatter_log_normally_about_their_mean() -> None:
    generator = np.random.default_rng(1)
    sd, n = 0.15, 200_000
    estimate = generator.uniform(45, 90, n)
    true = estimate * np.exp(generator.normal(-(sd**2) / 2, sd, n))
    p = probability_above_cutoff(estimate, 65, np.exp(1.6449 * sd), 0.9)
    for low, high in ((0, 0.1), (0.1, 0.3), (0.3, 0.6), (0.6, 0.9), (0.9, 1)):
        group = (p >= low) & (p < high)
        assert (true[group] > 65).mean() == pytest.approx(p[group].mean(), abs=0.01)
