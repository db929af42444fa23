"""Output of other programs, as far as their readers look: structure and forces in each program's own units."""

import numpy as np
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import write
from ase.units import Bohr, Hartree, Ry


def rows(array, form="{:20.12f}"):
    return [" ".join(form.format(x) for x in row) for row in array]


def atom_rows(atoms, array):
    """Number, symbol and row of each atom, from 0."""
    return list(zip(range(len(atoms)), atoms.symbols, rows(array), strict=True))


def extxyz(folder, atoms, forces):
    moved = atoms.copy()
    moved.calc = SinglePointCalculator(moved, forces=forces)
    write(folder / "result.extxyz", moved, columns=["symbols", "positions", "forces"])


def vasprun(folder, atoms, forces):
    def varray(name, array):
        return [f'<varray name="{name}">', *(f"<v>{row}</v>" for row in rows(array, "{:20.14f}")), "</varray>"]

    structure = ["<structure>", "<crystal>", *varray("basis", atoms.cell.array), "</crystal>"]
    structure += [*varray("positions", atoms.get_scaled_positions(wrap=False)), "</structure>"]
    names = [f"<rc><c>{symbol}</c><c>1</c></rc>" for symbol in atoms.symbols]
    lines = ['<?xml version="1.0"?>', "<modeling>", "<kpoints>", *varray("kpointlist", np.zeros((1, 3)))]
    lines += [*varray("weights", np.ones((1, 1))), "</kpoints>", "<parameters></parameters>", "<atominfo>"]
    lines += ['<array name="atoms"><set>', *names, "</set></array>", "</atominfo>"]
    lines += [structure_line.replace("<structure>", '<structure name="initialpos">') for structure_line in structure]
    energy = '<energy><i name="e_fr_energy">-1.0</i><i name="e_wo_entrp">-1.0</i><i name="e_0_energy">-1.0</i></energy>'
    lines += ["<calculation>", "<scstep>", energy, "</scstep>", *structure, *varray("forces", forces)]
    lines += [energy, "</calculation>", "</modeling>"]
    (folder / "vasprun.xml").write_text("\n".join(lines))


def espresso(folder, atoms, forces):
    alat = 10.0  # Bohr
    lines = ["     Program PWSCF v.7.2 starts", f"     number of atoms/cell      = {len(atoms)}"]
    lines += [f"     number of atomic types    = {len(set(atoms.symbols))}"]
    lines += [f"     celldm(1)= {alat:11.6f}  celldm(2)= 0.0", "     crystal axes: (cart. coord. in units of alat)"]
    lines += [f"  a({i + 1}) = ( {row} )" for i, row in enumerate(rows(atoms.cell.array / Bohr / alat))]
    lines += ["     site n.     atom                  positions (alat units)"]
    for i, (symbol, row) in enumerate(zip(atoms.symbols, rows(atoms.positions / Bohr / alat), strict=True)):
        lines += [f"  {i + 1}   {symbol}  tau( {i + 1}) = ( {row} )"]
    lines += [
        "!    total energy              =    -10.0 Ry",
        "     Forces acting on atoms (cartesian axes, Ry/au):",
        "",
    ]
    for i, row in enumerate(rows(forces / (Ry / Bohr))):
        lines += [f"     atom {i + 1:4d} type  1   force = {row}"]
    lines += ["", "     Total force =     0.0", "   JOB DONE."]
    (folder / "pw.out").write_text("\n".join(lines) + "\n")


def gpaw(folder, atoms, forces):
    lines = ["", "  ___ ___ ___ _ _ _  ", " |   |   |_  | | | | ", "", "Positions:"]
    lines += [f"   {i} {s} {row} ( 0.0, 0.0, 0.0)" for i, s, row in atom_rows(atoms, atoms.positions)]
    lines += ["", "Unit cell:", "           periodic     x  y  z  points  spacing"]
    lines += [f"  {i + 1}. axis:    yes {row}    10     0.2" for i, row in enumerate(rows(atoms.cell.array))]
    lines += ["", "Energy contributions relative to reference atoms: (reference = 0.0)", "", "Kinetic: +1.0"]
    lines += ["Extrapolated: -1.0", "", "Forces in eV/Ang:"]
    lines += [f"  {i} {s} {row}" for i, s, row in atom_rows(atoms, forces)] + [""]
    (folder / "gpaw.txt").write_text("\n".join(lines) + "\n")


def cp2k(folder, atoms, forces):
    lines = ["", " ATOMIC FORCES in [a.u.]", "", " # Atom   Kind   Element          X              Y              Z"]
    lines += [f" {i + 1} 1 {s} {row}" for i, s, row in atom_rows(atoms, forces / (Hartree / Bohr))]
    lines += [" SUM OF ATOMIC FORCES 0.0 0.0 0.0 0.0"]
    (folder / "crystal-forces-1_0.xyz").write_text("\n".join(lines) + "\n")


def abinit(folder, atoms, forces):
    lines = [".Version 9.6.2 of ABINIT", " cartesian forces (eV/Angstrom) at end:"]
    lines += [f"    {i + 1} {row}" for i, row in enumerate(rows(forces))]
    lines += [" frms,max,avg= 0.0 0.0 0.0", " Calculation completed."]
    (folder / "run.abo").write_text("\n".join(lines) + "\n")


def aims(folder, atoms, forces):
    lines = ["  | Number of atoms                   :        " + str(len(atoms)), "  | Unit cell:"]
    lines += [f"  | {row}" for row in rows(atoms.cell.array)]
    lines += ["  Atomic structure:", "  |       Atom                x [A]            y [A]            z [A]"]
    lines += [f"  |    {i + 1}: Species {s} {row}" for i, s, row in atom_rows(atoms, atoms.positions)]
    lines += ["  Total atomic forces (unitary forces cleaned) [eV/Ang]:"]
    lines += [f"  |  {i + 1} {row}" for i, row in enumerate(rows(forces))] + ["          Have a nice day."]
    (folder / "aims.out").write_text("\n".join(lines) + "\n")


#: writer, and the program to be named (None: recognised)
PROGRAMS = {
    "extended XYZ": (extxyz, None),
    "VASP": (vasprun, None),
    "Quantum ESPRESSO": (espresso, None),
    "GPAW": (gpaw, None),
    "CP2K": (cp2k, None),
    "ABINIT": (abinit, "abinit"),
    "FHI-aims": (aims, "aims"),
    "Quantum ESPRESSO by phonopy": (espresso, "qe"),
}


def atoms_at(crystal, positions):
    return Atoms(numbers=crystal.numbers, positions=positions, cell=crystal.cell, pbc=True)
