"""`lattice page`."""

from __future__ import annotations

import click

from lattice.cli.options import (
    FILE,
    SOURCE,
    Vector,
    common_options,
    output_path,
    show,
    vector_option,
)


@click.command()
@click.argument("source", type=SOURCE, metavar="RUN.nc|MODES.nc|SWEEP|SOURCE")
@click.option("-o", "--output", metavar="PAGE.html", type=FILE, required=True, help="The page to write.")
@vector_option("--q", "Wave vector of the modes of SOURCE in units of the reciprocal cell vectors; Γ if left out.")
@common_options
def page(source: str, output: str, q: Vector | None, as_json: bool, level: int) -> None:
    """Write one HTML file, for any browser and without network: a run or the modes of a crystal moving, or a sweep.

    RUN.nc is a file of `lattice run -o`, MODES.nc one of `lattice modes -o`. SWEEP is a folder of `lattice sweep`, or
    its collected file. SOURCE is a bundled name, a folder, a
    phonopy yaml or a structure file.
    """
    from lattice.cli.page_source import MODES, RUN, SWEEP, read_page_source, what_was_read
    from lattice.show.page import write_page

    target = output_path(output, (".html", ".htm"))
    assert target is not None
    shown = read_page_source(source, q, "lattice page", (RUN, MODES, SWEEP))
    write_page(shown, target)
    size = target.stat().st_size
    result = {"page": target.name, "bytes": size}
    show(
        result,
        lambda: f"{target.name}: {size / 1e6:.2f} MB; open it in a browser",
        as_json=as_json,
        level=level,
        read=what_was_read(source, shown),
    )
