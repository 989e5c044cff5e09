"""Do twelve leads fit together? Rules on electrode placement, each giving the leads it blames."""

from itertools import combinations, pairwise

import numpy as np
from numpy.typing import NDArray

from lvmass.ecg.recording import LEADS

_I, _II, _III, _AVR, _AVL, _AVF, _V1 = range(7)
_V6 = LEADS.index("V6")
_BROKEN_SHARE, _MENDED_SHARE = 0.3, 0.1
_FAR_FIELD_SHARE = 0.12
_MIN_QRS_MV = 0.15
_OPPOSITE = -0.5
_ORDER_GAIN, _SURE_ORDER_GAIN = 0.2, 0.5


def limb_residuals(beat_mv: NDArray[np.floating]) -> dict[str, float]:
    """Measure how far each derived limb lead is from Einthoven's or Goldberger's law.

    The laws are ``I + III - II = 0`` and ``aVR + (I + II) / 2 = 0``, ``aVL - (I - III) / 2 = 0``,
    ``aVF - (II + III) / 2 = 0``; carts filter each lead's offset, so deviations from the mean are compared.

    Parameters
    ----------
    beat_mv : ndarray, shape (12, n_samples)
        One beat in the order of ``LEADS``, in which drift and noise are averaged out.

    Returns
    -------
    dict of str to float
        Root mean square residual of III, aVR, aVL and aVF, as a share of the size of the six limb leads.

    Examples
    --------
    >>> import numpy as np
    >>> one, two = np.sin(np.arange(500) / 9), np.cos(np.arange(500) / 7)
    >>> limb = [one, two, two - one, -(one + two) / 2, two - one / 2, one - two / 2]  # aVL and aVF exchanged
    >>> share = limb_residuals(np.stack([*limb, *[one] * 6]))
    >>> [lead for lead in share if share[lead] > 0.5]
    ['aVL', 'aVF']
    """
    limb = beat_mv[:6] - beat_mv[:6].mean(axis=1, keepdims=True)
    one, two, three = limb[:3]
    residual = {
        "III": one + three - two,
        "aVR": limb[_AVR] + (one + two) / 2,
        "aVL": limb[_AVL] - (one - three) / 2,
        "aVF": limb[_AVF] - (two + three) / 2,
    }
    size = max(float(np.sqrt(np.square(limb).mean())), 1e-9)
    return {lead: float(np.sqrt(np.square(values).mean())) / size for lead, values in residual.items()}


def mislabelled_limb_leads(beat_mv: NDArray[np.floating]) -> tuple[str, ...]:
    """Name the limb leads whose exchange, or the one whose inversion, would make the laws hold that are now broken.

    Parameters
    ----------
    beat_mv : ndarray, shape (12, n_samples)
        One beat in the order of ``LEADS``.

    Returns
    -------
    tuple of str
        Two leads to exchange, one to invert, or none.

    Examples
    --------
    >>> import numpy as np
    >>> one, two = np.sin(np.arange(500) / 9), np.cos(np.arange(500) / 7)
    >>> limb = [one, two, two - one, -(one + two) / 2, two - one / 2, one - two / 2]
    >>> mislabelled_limb_leads(np.stack([*limb, *[one] * 6]))
    ('aVL', 'aVF')
    """
    if max(limb_residuals(beat_mv).values()) < _BROKEN_SHARE:
        return ()
    for leads in [*((lead,) for lead in range(6)), *combinations(range(6), 2)]:
        changed = beat_mv.copy()
        changed[list(leads)] = -beat_mv[list(leads)] if len(leads) == 1 else beat_mv[list(reversed(leads))]
        if max(limb_residuals(changed).values()) < _MENDED_SHARE:
            return tuple(LEADS[lead] for lead in leads)
    return ()


def reversed_limb_electrodes(beat_mv: NDArray[np.floating], qrs: slice, p_mv: NDArray[np.floating]) -> str | None:
    """Name the limb electrodes that look exchanged.

    Right and left arm: lead I is upside down against V6, which looks the same way, and its P wave is not upright.
    Right or left arm with the right leg: lead II (or III) lies between the two legs and shows next to nothing of any
    wave (Rudiger, Hellermann & Mukherjee 2007, J Electrocardiol 40:346); a QRS axis across the lead leaves P and T.

    Parameters
    ----------
    beat_mv : ndarray, shape (12, n_samples)
        One beat.
    qrs : slice
        The samples of its QRS complex.
    p_mv : ndarray, shape (12,)
        Signed P amplitude of each lead; NaN where there is no P wave.

    Returns
    -------
    str or None
        ``"RA/LA"``, ``"RA/RL"``, ``"LA/RL"`` or None.
    """
    size = np.ptp(beat_mv[:3, qrs], axis=1)
    p_and_t = np.ptp(np.delete(beat_mv[:3], np.arange(beat_mv.shape[1])[qrs], axis=1), axis=1)
    for lead, electrodes in ((_II, "RA/RL"), (_III, "LA/RL")):
        flat = size[lead] < _FAR_FIELD_SHARE * size.max() and p_and_t[lead] < 2 * _FAR_FIELD_SHARE * p_and_t.max()
        if size.max() > _MIN_QRS_MV and flat:
            return electrodes
    one, six = beat_mv[_I], beat_mv[_V6]
    alike = float(one @ six) / max(float(np.linalg.norm(one) * np.linalg.norm(six)), 1e-9)
    return "RA/LA" if alike < _OPPOSITE and not p_mv[_I] > 0 else None


def exchanged_precordial_leads(beat_mv: NDArray[np.floating]) -> tuple[str, str, bool] | None:
    """Name the two precordial leads whose exchange would make the sequence from V1 to V6 much smoother.

    Neighbouring electrodes see similar waves, so the beat's correlation from lead to lead sums up highest in the
    right order.

    Parameters
    ----------
    beat_mv : ndarray, shape (12, n_samples)
        One beat.

    Returns
    -------
    tuple of (str, str, bool), or None
        The two leads and whether the order is hopeless as it is, or None if no exchange helps much. One normal ECG in
        some hundreds gains a little from an exchange.
    """
    waves = beat_mv[_V1:].astype(np.float64)
    waves = waves / np.maximum(np.linalg.norm(waves, axis=1, keepdims=True), 1e-9)
    alike = waves @ waves.T

    def smoothness(order: list[int]) -> float:
        return float(sum(alike[a, b] for a, b in pairwise(order)))

    gains = {}
    for a, b in combinations(range(6), 2):
        order = list(range(6))
        order[a], order[b] = b, a
        gains[a, b] = smoothness(order) - smoothness(list(range(6)))
    (a, b), gain = max(gains.items(), key=lambda item: item[1])
    return (LEADS[_V1 + a], LEADS[_V1 + b], gain > _SURE_ORDER_GAIN) if gain > _ORDER_GAIN else None
