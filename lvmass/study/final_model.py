"""From a study to a model that ``lvmass predict`` takes."""

from pathlib import Path

from lvmass import __version__
from lvmass.ecg.recording import LEADS
from lvmass.errors import DataError
from lvmass.evaluation.intervals import interval_half_widths
from lvmass.study.study import Study
from lvmass.training.model import FittedModel, save_model

INTERVAL_LEVEL = 0.9


def save_final_model(study: Study, folder: str | Path, model: str = "elvmass-net") -> None:
    """Train a pooled model on the whole development cohort and save it.

    The half-width of its intervals comes from the out-of-fold errors of each sex, see
    ``lvmass.evaluation.intervals``; it is a little wide, because the fold models saw fewer people.

    Parameters
    ----------
    study : Study
        With this model among its lines.
    folder : path
        Written to.
    model : str
        A network of the study that reads beats.

    Raises
    ------
    DataError
        If the study has no such network, or too few people of a sex.
    """
    config, options = study.config, study.config.models.get(model)
    if options is None or not options.is_network or options.reads_signal:
        raise DataError(f"Study '{config.name}' has no network on beats called '{model}'; name one to save.")
    table = study.predictions().query("model == @model and training == 'pooled'")
    half_width_g = interval_half_widths(table, INTERVAL_LEVEL)
    if set(half_width_g) != set(table["sex"]):
        raise DataError(f"Study '{config.name}' has too few people of a sex to give intervals; add people.")
    beat = options.beat or config.beat
    card = {
        "input": "synchronized beat, mV",
        "leads": LEADS,
        "beat": (options if options.beat else config).model_dump(mode="json")["beat"],
        "sampling_rate_hz": beat.sampling_rate_hz,
        "interval_level": INTERVAL_LEVEL,
        "interval_half_width_g": half_width_g,
        "lvh_cutoff_g_m2": config.lvh.cutoffs_g_m2,
        "lvh_cutoff_source": config.lvh.source,
        "trained_on_simulated_data": config.development.simulate is not None,
        "out_of_fold_mae_g": float((table["lvm_g"] - table["predicted_lvm_g"]).abs().mean()),
        "study": config.name,
        "study_fingerprint": study.fingerprint,
        "package_version": __version__,
    }
    predictor = study.final_fit(model).predictor
    assert isinstance(predictor, FittedModel)
    save_model(predictor, folder, card)
