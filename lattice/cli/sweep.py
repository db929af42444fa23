"""`lattice sweep`."""

from __future__ import annotations

from pathlib import Path

import click

from lattice.cli.options import FILE, NORMAL, common_options, show


@click.command()
@click.argument("plan", type=FILE, metavar="PLAN.toml")
@click.option("-d", "--directory", metavar="DIR", help="Folder of the results; a second call goes on where it ended.")
@click.option(
    "--engine",
    type=click.Choice(["local", "dask", "slurm"]),
    default="local",
    show_default=True,
    help="Processes here, Dask workers, or Dask workers in Slurm jobs as the plan's table slurm says.",
)
@click.option(
    "--workers", type=click.IntRange(min=1), metavar="N", help="Processes, or Slurm jobs; default: the cores."
)
@click.option("--scheduler", metavar="ADDRESS", help="A running Dask scheduler, with --engine dask.")
@click.option("--dry-run", is_flag=True, help="Only say how many points and tasks, how long, how many bytes.")
@click.option("--array", is_flag=True, help="Make the store and print the sbatch script of a job array that fills it.")
@click.option(
    "--share", metavar="I/N", help="Compute only every N-th block from the I-th on, as a job of such an array."
)
@click.option("--extend", is_flag=True, help="Add the points of a plan with more values or repeats.")
@click.option("--retry-failed", is_flag=True, help="Compute blocks with failed points again.")
@common_options
def sweep(
    plan: str,
    directory: str | None,
    engine: str,
    workers: int | None,
    scheduler: str | None,
    dry_run: bool,
    array: bool,
    share: str | None,
    extend: bool,
    retry_failed: bool,
    as_json: bool,
    level: int,
) -> int:
    """Run every point of PLAN.toml, a run file with axes, and keep the numbers in DIR.

    Whatever ends it, the same command goes on from there. Exit status: 0, also with some failed points; 1 if all
    failed; 130 after Ctrl-C and 143 after SIGTERM.
    """
    from lattice.cli.sweep_text import dry_run_text, needed, sweep_text, told_when_stopped
    from lattice.study import sweep as study

    if dry_run:
        estimate = study.dry_run(plan, workers=workers)
        show(estimate, lambda: dry_run_text(estimate), as_json=as_json, level=level)
        return 0
    folder = Path(needed(directory))
    if array:
        click.echo(study.prepare_array(Path(plan), folder, extend_plan=extend), nl=False)
        return 0
    with told_when_stopped(folder, told=level >= NORMAL):
        counts = study.sweep(
            plan,
            folder,
            engine,
            workers=workers,
            scheduler=scheduler,
            extend_plan=extend,
            retry_failed=retry_failed,
            share=None if share is None else study.parse_share(share),
            progress=level >= NORMAL,
        )
    show(counts, lambda: sweep_text(counts, directory), as_json=as_json, level=level)
    return int(counts["failed"] > 0 and counts["done"] == 0)
