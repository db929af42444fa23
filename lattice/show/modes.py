"""Modes at one q-point as a table of pictures: every atom on the ellipse that it moves on."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lattice.show.block import block_of_crystal
from lattice.show.style import FONT, INK, PALE, SMALL, STRONG, save_figure, signed
from lattice.structure.species import appearance_of_species, species_of_numbers

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from lattice.modes.modes import ComplexArray, Modes, Multiplet
    from lattice.structure.crystal import FloatArray

MOST = 24  #: pictures on one figure
COLUMNS = 6
PANEL = (1.2, 1.9)  #: inches
TILT = math.radians(25.0)  #: of the view: n̂ points up and leans towards the reader, so that circles ⟂ n̂ are ellipses
LARGEST = 0.8  #: Å, at which the largest displacement of a mode is drawn
SIZE_OF_ATOM = 60.0  #: points², area of a disc for a covalent radius of 1 Å
ROUND = 0.02  #: ħ: |J·n̂| of one atom below which its path is drawn as a line without sense


def modes_figure(modes: Modes, path: str | Path, multiplets: Sequence[str] | None = None) -> None:
    """Draw modes and write the figure.

    Parameters
    ----------
    modes : Modes
    path : str or Path
        Ends in ``.png``, ``.svg`` or ``.pdf``; written under a temporary name first.
    multiplets : sequence of str, optional
        Labels of those to draw; default: see `draw_modes`.

    Raises
    ------
    InputError
        A label or the ending is unknown, or the folder does not exist.
    LatticeError
        The file cannot be written.
    """
    save_figure(draw_modes(modes, multiplets), path)


def draw_modes(modes: Modes, multiplets: Sequence[str] | None = None) -> Figure:
    """Draw one picture for each multiplet: its first partner (of a pair the one with + in the gauge).

    Parameters
    ----------
    modes : Modes
    multiplets : sequence of str, optional
        Labels; default: all but translations, the lowest 24 where there are more, which the title says.

    Returns
    -------
    matplotlib.figure.Figure
        Not registered with pyplot.

    Raises
    ------
    InputError
        A label is unknown.
    """
    from matplotlib.figure import Figure

    optical = [multiplet for multiplet in modes.multiplets if not multiplet.acoustic]
    chosen = (optical or list(modes.multiplets))[:MOST]
    if multiplets is not None:
        chosen = [modes.multiplet(str(label)) for label in multiplets]
    columns = min(COLUMNS, len(chosen))
    rows = math.ceil(len(chosen) / columns)
    figure = Figure(figsize=(max(columns, 3) * PANEL[0], rows * PANEL[1] + 0.35), layout="constrained")
    for place, multiplet in enumerate(chosen):
        draw_mode(figure.add_subplot(rows, columns, place + 1), modes, multiplet)
    q = "Γ" if modes.at_gamma else "q = (" + " ".join(f"{x:g}" for x in modes.qpoint) + ")"
    of = f", the lowest {MOST} of {len(optical)} multiplets" if multiplets is None and len(optical) > MOST else ""
    words = f"{modes.crystal.name or 'modes'} at {q}{of}: paths of the atoms, n̂ up"
    figure.suptitle(f"{words}; blue ↺, orange ↻, black neither", fontsize=FONT, color=INK, x=0.01, ha="left")
    return figure


def draw_mode(ax: Axes, modes: Modes, multiplet: Multiplet) -> None:
    """Draw the atoms of one cell, seen across n̂ from slightly above, each on its path; the arrow is the way it goes.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
    modes : Modes
    multiplet : Multiplet
        One of `modes`; its first partner is drawn. Blue: the atom turns
        counter-clockwise about n̂, orange: clockwise.
    """
    crystal, index = modes.crystal, multiplet.indices[0]
    axis = np.array([0.0, 0.0, 1.0]) if modes.axis is None else modes.axis
    names = species_of_numbers(crystal.numbers)
    radii = np.array([appearance_of_species(name)[0] for name in names])
    block = block_of_crystal(crystal.cell, crystal.positions, radii, axis)
    flat, depth = view(axis)
    places, order = block.basis @ flat.T, np.argsort(block.basis @ depth)
    moved = _displacements(modes, index, block.basis_fractional)
    turns = (np.cross(moved.real, moved.imag) @ axis) / max(float((np.abs(moved) ** 2).sum()), 1e-300) * 2.0
    for atom in order.tolist():
        colour = INK if abs(turns[atom]) < ROUND else STRONG[0 if turns[atom] > 0 else 1]
        _draw_path(ax, places[atom], moved[atom] @ flat.T, colour)
        x, y = places[atom]
        disc: dict[str, Any] = {"color": appearance_of_species(names[atom])[1], "edgecolors": INK, "linewidths": 0.4}
        ax.scatter(x, y, s=SIZE_OF_ATOM * float(radii[atom]), zorder=2, **disc)
    low, high = places.min(axis=0) - 1.5 * LARGEST, places.max(axis=0) + 1.5 * LARGEST
    ax.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]))
    ax.set_aspect("equal")
    ax.set_xticks([])
    ax.set_yticks([])
    for side in ax.spines.values():
        side.set_color(PALE)
        side.set_linewidth(0.4)
    ax.set_title(_words(modes, multiplet), fontsize=SMALL, color=INK)


def view(axis: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return rows right and up of the drawing ``(2, 3)``, and the direction towards the reader ``(3,)``, for n̂ up."""
    start = np.eye(3)[int(np.argmin(np.abs(axis) - 1e-6 * np.arange(3)[::-1]))]
    right = start - axis * (start @ axis)
    right /= np.linalg.norm(right)
    away = np.cross(axis, right)
    up = math.cos(TILT) * axis + math.sin(TILT) * away
    return np.array([right, up]), math.sin(TILT) * axis - math.cos(TILT) * away


def _displacements(modes: Modes, index: int, fractional: FloatArray) -> ComplexArray:
    """Displacements ``(n_atoms, 3)`` in Å: u(t) = Re[this · exp(−iωt)], the largest of length `LARGEST`."""
    pattern = modes.eigenvectors[index] / np.sqrt(modes.crystal.masses)[:, None]
    pattern = pattern * np.exp(2j * np.pi * fractional @ modes.qpoint)[:, None]
    if modes.at_gamma and np.abs(modes.J[index]).max() < 1e-6:  # a real pattern, up to a phase
        pattern = pattern * np.exp(-0.5j * np.angle((pattern**2).sum()))
    # Half the long axis of an atom's ellipse: |u|² is largest where the phase makes u·u real.
    long = np.sqrt(0.5 * ((np.abs(pattern) ** 2).sum(axis=1) + np.abs((pattern**2).sum(axis=1))))
    return np.asarray(LARGEST * pattern / float(long.max()))


def _draw_path(ax: Axes, place: FloatArray, moved: ComplexArray, colour: str) -> None:
    """Ellipse (or line) of one atom, with an arrow along its motion."""
    if np.abs(moved).max() < 0.02 * LARGEST:
        return
    phase = np.linspace(0.0, 2.0 * np.pi, 73)
    path = place + (moved[None] * np.exp(-1j * phase)[:, None]).real
    ax.plot(*path.T, color=colour, linewidth=0.9, zorder=3)
    # The head sits where the atom is furthest out: for a straight path at its end.
    end = int(np.argmax(np.linalg.norm(path - place, axis=1)))
    straight = abs(float((moved[0].conj() * moved[1]).imag)) < 0.02 * float((np.abs(moved) ** 2).sum())
    start = place if straight else path[end - 4]
    arrow = {"arrowstyle": "-|>", "color": colour, "linewidth": 0.9, "shrinkA": 0, "shrinkB": 0, "mutation_scale": 6}
    ax.annotate("", tuple(path[end]), tuple(start), arrowprops=arrow, zorder=4)


def _words(modes: Modes, multiplet: Multiplet) -> str:
    """Label, frequency, m and J about n̂, activity."""
    index = multiplet.indices[0]
    nu = "" if np.isnan(multiplet.frequency) else f"{multiplet.frequency:.2f} THz".replace("-", "i")
    m = float(modes.m[index])
    turn = float(modes.J[index] @ (np.array([0.0, 0.0, 1.0]) if modes.axis is None else modes.axis))
    numbers = "" if np.isnan(m) else f"m {signed(m, 'g')}, "
    numbers += "J ?" if np.isnan(turn) else f"J {signed(turn, '.2f')} ħ"
    active = [word for word, seen in (("IR", multiplet.ir_active), ("Raman", multiplet.raman_active)) if seen]
    return f"{multiplet.label}  {nu}\n{numbers}\n{' '.join(active) or ' '}"
