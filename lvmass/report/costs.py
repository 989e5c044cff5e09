"""What each network of a study costs: parameters, arithmetic, time."""

import numpy as np
import pandas as pd
import torch
from torch.utils.flop_counter import FlopCounterMode

from lvmass.study.study import Study
from lvmass.training.model import FittedModel


def costs(study: Study) -> pd.DataFrame:
    """Cost of every network of a study, one row a model and training.

    Parameters
    ----------
    study : Study
        Fits that are missing are computed.

    Returns
    -------
    DataFrame
        ``model, training, parameters, mflop, fits, fit_s``: trainable parameters of one network, its arithmetic for one
        person (see `mflop_per_person`), number of fits, and their mean time in seconds on the machine that made them.

    Examples
    --------
    >>> costs(Study.from_toml("book/studies/quick.toml"))  # doctest: +SKIP
    """
    rows = []
    for name, model in study.config.models.items():
        for training in model.training if model.is_network else ():
            fits = study.fits(name, training)
            network = fits[0].predictor
            assert isinstance(network, FittedModel)
            row = {"model": name, "training": training, "parameters": network.n_parameters}
            row |= {"mflop": mflop_per_person(network), "fits": len(fits)}
            rows.append(row | {"fit_s": float(np.mean([fit.seconds for fit in fits]))})
    return pd.DataFrame(rows)


def mflop_per_person(model: FittedModel) -> float:
    """Floating-point operations of one estimate, in millions; a multiplication and an addition count as two.

    Counted by torch while the network runs on shapes alone, where no kernel is fused.

    Examples
    --------
    >>> from lvmass.training.model import load_model
    >>> from lvmass.prediction import PRETRAINED
    >>> mflop_per_person(load_model(PRETRAINED)[0]) > 1
    True
    """
    counter, network = FlopCounterMode(display=False), model.build().to("meta")
    with counter, torch.no_grad():  # weight normalization fails when counted in inference mode
        network(
            torch.zeros(1, 12, model.n_samples, device="meta"),
            torch.zeros(1, 2 * len(model.covariates), device="meta"),
        )
    return float(counter.get_total_flops()) / 1e6
