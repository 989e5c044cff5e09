"""Tables that the tests of this folder start from."""

import pandas as pd


def people(n: int = 3) -> pd.DataFrame:
    """A table that has nothing wrong with it, as read from a CSV: all text, and the row in a spreadsheet as index."""
    return pd.DataFrame(
        {
            "subject_id": [f"p{i}" for i in range(n)],
            "sex": ["female", "male", "Female"][:n],
            "age_years": ["42", "60.5", " 71 "][:n],
            "height_cm": ["160", "175", "150"][:n],
            "weight_kg": ["58", "80", "49"][:n],
            "lvm_g": ["90", "140", "85"][:n],
            "ecg_path": ["a.dcm", "b.dcm", "c.dcm"][:n],
        },
        index=range(2, n + 2),
    )
