"""The page on reporting answers every item of TRIPOD+AI, and each of its links leads somewhere."""

import re

from tests.report.chapters import BOOK

PARTS = {3: "abc", 5: "ab", 6: "abc", 8: "abc", 9: "abc", 12: "abcdefg", 18: "abcdef", 20: "abc", 23: "ab", 27: "abc"}
"""Items of TRIPOD+AI (Collins 2024) that have parts; the other ones of 27 have none."""

REASONS = r"\*\*Yours\.\*\*|No rebalancing"
"""Only the owner of a cohort can answer; or nothing of the kind was done."""


def test_every_item_of_tripod_ai_is_met_by_a_link_or_has_a_reason() -> None:
    text = (BOOK / "reporting.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\d+[a-g]?) [^|]+ \| ([^|]+) \|$", text.split("## PROBAST+AI")[0], re.MULTILINE)
    assert [item for item, _ in rows] == [f"{n}{part}".strip() for n in range(1, 28) for part in PARTS.get(n, " ")]
    for item, said in rows:
        assert "](" in said or re.search(REASONS, said), item


def test_links_of_the_page_lead_to_a_page_or_a_section() -> None:
    text = (BOOK / "reporting.md").read_text(encoding="utf-8")
    pages = {path.stem for path in BOOK.iterdir()}
    sections = {
        name for page in BOOK.glob("*.md") for name in re.findall(r"^\((.*)\)=$", page.read_text(), re.MULTILINE)
    }
    links = set(re.findall(r"\]\(([^)]*)\)", text))
    assert len(links) > 10
    assert links <= pages | sections
