"""Links between documents lead somewhere, and modules that documents name exist."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "napari_unet"
DOCUMENTS = [
    *ROOT.glob("*.md"),
    *(ROOT / "docs").rglob("*.md"),
    *SOURCE.rglob("*.md"),
]
LINES = {"training.md": 120, "teaching.md": 120, "segmenting.md": 120}  # of a user's page, at most
RECORD_LINES = 40  # of a decision record, at most
LINK = re.compile(r"\]\(([^)\s]+)\)")
FOLDERS = "|".join(path.name for path in SOURCE.iterdir() if (path / "__init__.py").exists())
PLACE = re.compile(rf"`((?:{FOLDERS})/[\w/.]*|(?:tests|benchmarks|tools|docs)/[\w/.]+)`")
DOTTED = re.compile(r"\bnapari_unet((?:\.[a-z_]+)+)")


def prose(path):
    """Return a document without its blocks of code."""
    return re.sub(r"```.*?```", "", path.read_text(encoding="utf-8"), flags=re.S)


def anchors(path):
    """Return the anchors of the headings of a document, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", prose(path), re.M)
    return {re.sub(r"[^\w\- ]", "", h.lower()).strip().replace(" ", "-") for h in headings}


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(path):
    wrong = []
    for link in LINK.findall(prose(path)):
        place, _, anchor = link.partition("#")
        target = (path.parent / place).resolve() if place else path
        if re.match(r"[a-z]+:", link):
            continue
        if not target.exists() or (anchor and anchor not in anchors(target)):
            wrong.append(link)
    assert not wrong


def exists(parts):
    """Return whether there is such a module or folder of the package, or a name inside one."""
    home = SOURCE.joinpath(*parts)
    if home.is_dir() or home.with_suffix(".py").exists():
        return True
    outer = SOURCE.joinpath(*parts[:-1])
    file = outer / "__init__.py" if outer.is_dir() else outer.with_suffix(".py")
    return file.exists() and parts[-1] in re.findall(r"\w+", file.read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_modules_that_are_named_exist(path):
    text = path.read_text(encoding="utf-8")
    wrong = [
        place
        for place in PLACE.findall(text)
        if not (SOURCE / place).exists() and not (ROOT / place).exists()
    ]
    wrong += [dotted for dotted in DOTTED.findall(text) if not exists(dotted.strip(".").split("."))]
    assert not wrong


def test_pages_of_users_and_records_stay_short():
    long = {
        path.name: lines
        for path in (ROOT / "docs").rglob("*.md")
        if (lines := path.read_text(encoding="utf-8").count("\n"))
        > (RECORD_LINES if path.parent.name == "decisions" else LINES.get(path.name, lines))
        and path.parent.name != "research"
    }
    assert not long
