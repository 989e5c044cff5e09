"""The page on settings: every table of the study file and of the subjects table, from the classes that check them."""

import pandas as pd
from IPython.display import HTML, Markdown

from lvmass.cohort.schema import data_dictionary
from lvmass.networks.registry import NETWORKS, argument_schema
from lvmass.report.page import table
from lvmass.study.fields import Table, allowed, as_toml, tables_of
from lvmass.study.settings import StudyConfig


def settings_reference() -> list[HTML | Markdown]:
    """A heading and a table for each table of the study file.

    Returns
    -------
    list
        To display, in the order of the file.

    Examples
    --------
    >>> settings_reference()[0].data
    '<h3 id="top">At the top of the file</h3>'
    """
    shown: list[HTML | Markdown] = []
    for name, each in tables_of(StudyConfig).items():
        title = f"[{name}]" if name else "At the top of the file"
        shown.append(HTML(f'<h3 id="{name.replace(".", "-").lower() or "top"}">{title}</h3>'))
        shown.append(table(_rows(each), each.meaning) if each.same_as == name else Markdown(each.meaning))
    return shown


def _rows(each: Table) -> pd.DataFrame:
    rows = [
        (
            key,
            "to be given" if "default" not in kind else as_toml(kind["default"]).replace("null", "none"),
            f"such as {as_toml(kind['example'])}" if kind["type"] == "object" else allowed(kind).removeprefix("a "),
            kind["description"] + " (simulated people only)" * ("simulation" in kind),
        )
        for key, kind in each.settings.items()
    ]
    return pd.DataFrame(rows, columns=["setting", "default", "allowed", "meaning"])


def network_arguments() -> HTML | Markdown:
    """What `[models.NAME.arguments]` may state for each network, with defaults."""
    rows = [
        (name, argument, as_toml(default), allowed(argument_schema(name, argument)).removeprefix("a "))
        for name, network in NETWORKS.items()
        for argument, default in network.arguments.items()
    ]
    shown = pd.DataFrame(rows, columns=["network", "argument", "default", "allowed"])
    return table(shown, "Arguments of each network.")


def subjects_reference() -> HTML | Markdown:
    """Columns of the subjects table."""
    return table(data_dictionary(), "Columns of the subjects table.")
