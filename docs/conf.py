"""How Sphinx builds the site. The root of its sources is that of the repository, so that links between files hold.

`sphinx-build -W --keep-going -c docs . SITE` builds it; no network is needed, neither to build nor to read it.
"""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

import latex2mathml.converter

import lattice

if TYPE_CHECKING:
    from docutils import nodes
    from sphinx.application import Sphinx
    from sphinx.writers.html5 import HTML5Translator

HERE = Path(__file__).parent

project = "lattice"
author = "The lattice developers"
version = release = lattice.__version__
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx_copybutton"]
root_doc = "docs/index"
include_patterns = ["README.md", "CHANGELOG.md", "docs/**", "structures/*/SOURCE.md", "structures/**/README.md"]
exclude_patterns = ["docs/figures", "docs/examples", "docs/theme"]

myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3
nb_execution_mode = "force"  # the notebooks are stored without outputs
nb_execution_timeout = 300
nb_execution_raise_on_error = True
nb_execution_show_tb = True

autodoc_typehints = "none"  # the docstrings say more: shapes and units
autodoc_member_order = "bysource"
napoleon_google_docstring = False
napoleon_use_rtype = False
napoleon_use_ivar = True

html_theme = "furo"
html_title = f"lattice {release}"
html_static_path = ["theme"]
html_css_files = ["site.css"]
html_extra_path = ["theme/index.html"]
html_show_sourcelink = False
copybutton_exclude = ".linenos, .gp, .go"

#: Pages of the navigation by heading; those of docs/ that are not named here follow under "More".
NAVIGATION = {
    "Begin": ["tutorial", "faq"],
    "How to": ["own-crystal", "vasp", "third-order", "sweep", "cluster", "trace", "probe"],
    "Understand": ["theory", "conventions", "couplings", "bi2se3"],
    "Look up": ["reference", "api", "files"],
    "Trust": ["trust", "benchmarks"],
}
#: Literals, strong words, emphasised words and roles; else single stars and bars, which are symbols.
MARKUP = re.compile(r"``.*?``|\*\*.+?\*\*|(?<![\w)\]])\*[^*\s](?:[^*]*[^*\s])?\*(?!\w)|[*|]")
ROOMS = {
    "structure": "Crystals",
    "modes": "Modes",
    "anharmonic": "Couplings",
    "dynamics": "Runs",
    "observe": "What is observed",
    "study": "Studies",
    "show": "Pages and figures",
    "errors": "Errors",
}


def navigation() -> dict[str, list[str]]:
    """Return the pages that exist, by heading; every Markdown page of docs/ and every notebook is in it once."""
    present = {page.stem for page in HERE.glob("*.md")} - {"index"}
    found = {heading: [page for page in pages if page in present] for heading, pages in NAVIGATION.items()}
    found["Notebooks"] = sorted(f"notebooks/{page.stem}" for page in HERE.glob("notebooks/*.ipynb"))
    found["More"] = sorted(present - {page for pages in found.values() for page in pages})
    sources = sorted(HERE.parent.glob("structures/*/SOURCE.md")) + sorted(HERE.parent.glob("structures/**/README.md"))
    paths = [f"/{path.relative_to(HERE.parent).with_suffix('')}" for path in sources]
    found["The repository"] = ["/README", "/CHANGELOG", *paths]
    return {heading: pages for heading, pages in found.items() if pages}


def toctrees() -> str:
    """Return the navigation as directives, which a code host need not show."""
    trees = [
        "```{toctree}\n:hidden:\n:caption: " + heading + "\n\n" + "\n".join(pages) + "\n```"
        for heading, pages in navigation().items()
    ]
    return "\n\n" + "\n\n".join(trees) + "\n"


def public_names() -> str:
    """Return autodoc directives for every public name, by the room that it lives in."""
    rooms = defaultdict(list)
    for name in lattice.__all__:
        if name != "__version__":
            rooms[lattice._HOME[name].split(".")[1]].append(name)
    lines = []
    for room, heading in ROOMS.items():
        if not rooms[room]:
            continue
        lines += [f"## {heading}", "", "```{eval-rst}"]
        for name in sorted(rooms.pop(room), key=lambda name: (not name[0].islower(), name)):
            thing = getattr(lattice, name)
            if not isinstance(thing, type):
                lines += [f".. autofunction:: lattice.{name}", ""]
            else:
                lines += [f".. autoclass:: lattice.{name}", *([] if room == "errors" else ["   :members:"]), ""]
        lines += ["```", ""]
    if any(rooms.values()):
        raise ValueError(f"no heading for {dict(rooms)}; add it to ROOMS")
    return "\n\n" + "\n".join(lines)


def complete(_app: Sphinx, page: str, source: list[str]) -> None:
    """Add to two pages what is not written by hand."""
    if page == root_doc:
        source[0] += toctrees()
    elif page == "docs/api":
        source[0] += public_names()


def plain_stars(_app: Sphinx, _what: str, _name: str, _thing: object, _options: object, lines: list[str]) -> None:
    """Keep stars and bars that are part of a symbol, as in Z* and |Q|, from being read as markup."""
    for i, line in enumerate(lines):
        lines[i] = MARKUP.sub(lambda found: f"\\{found[0]}" if found[0] in "*|" else found[0], line)


def mathml(translator: HTML5Translator, node: nodes.math | nodes.math_block) -> None:
    """Write a formula as MathML, which browsers draw themselves."""
    from docutils.nodes import SkipNode, math_block

    display = "block" if isinstance(node, math_block) else "inline"
    translator.body.append(latex2mathml.converter.convert(node.astext(), display=display))
    raise SkipNode


def setup(app: Sphinx) -> None:
    """Connect the functions above."""
    app.connect("source-read", complete)
    app.connect("autodoc-process-docstring", plain_stars, priority=900)
    app.add_html_math_renderer("mathml", inline_renderers=(mathml, None), block_renderers=(mathml, None))


html_math_renderer = "mathml"
