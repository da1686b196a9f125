"""One word for each thing: rejected words are not used in code, pages and docs."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
GLOSSARY = ROOT / "docs" / "reference" / "glossary.md"
PLACES = (
    *("taskhub", "project", "templates", "README.md", "CONTRIBUTING.md"),
    *("docs/index.md", "docs/tutorial", "docs/howto", "docs/reference"),
    *("docs/explanation", "tests", "benchmarks"),
)
SUFFIXES = {".py", ".html", ".js", ".css", ".lua", ".md", ".txt"}


def rejected_words():
    """Return the words of the last table of the glossary."""
    table = GLOSSARY.read_text().partition("## Words that are not used")[2]
    rows = re.findall(r"^\| ([^|]+) \| [^|]+ \|$", table, re.MULTILINE)
    return [word for row in rows[1:] for word in row.strip().split(", ")]


@pytest.fixture(scope="module")
def texts():
    """The texts of code, pages and docs, by path."""
    places = [ROOT / place for place in PLACES]
    paths = [
        path
        for place in places
        for path in ([place] if place.is_file() else place.rglob("*"))
        if path.suffix in SUFFIXES and "vendor" not in path.parts
    ]
    return {
        str(path.relative_to(ROOT)): path.read_text().partition(
            "## Words that are not used"
        )[0]
        for path in paths
    }


@pytest.mark.parametrize("word", rejected_words())
def test_a_rejected_word_is_not_used(word, texts):
    flags = re.IGNORECASE if word.islower() else 0
    pattern = re.compile(rf"\b{word.replace(' ', chr(92) + 's+')}\b", flags)

    assert [path for path, text in texts.items() if pattern.search(text)] == []


def test_the_table_of_rejected_words_is_found():
    assert len(rejected_words()) > 10
