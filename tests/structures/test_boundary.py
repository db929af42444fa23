"""Dynamical matrices of Bi2Se3 at Z, F and L from doubled cells, against springs between all near atoms."""

import importlib
import itertools
import json
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from recipe_modules import recipe_modules

RECIPE = Path(__file__).parents[2] / "structures" / "Bi2Se3" / "recipe"
TOOLS = RECIPE.parents[1] / "recipe_tools"
MODULES = ("patterns", "espresso", "phonons", "plan", "records", "boundary", "recipe")
REACH = 6.5  # Å
IMAGES = np.array(list(itertools.product(range(-3, 4), repeat=3)))


@pytest.fixture(scope="module")
def recipe():
    with recipe_modules(MODULES, RECIPE, TOOLS) as modules:
        yield modules


def spring(vector):
    """Φ (3, 3) between two atoms at a distance `vector`: along the bond and across it, both falling with the length."""
    length = np.linalg.norm(vector)
    along = np.outer(vector, vector) / length**2
    return -8.0 * np.exp(-length) * (along + 0.2 * np.eye(3))


def neighbours(lattice, positions):
    """Yield (i, j, R, Φ(i in cell 0; j in cell R))."""
    for i, j in itertools.product(range(len(positions)), repeat=2):
        for image in IMAGES:
            vector = positions[j] + image @ lattice - positions[i]
            if 1e-6 < np.linalg.norm(vector) < REACH:
                yield i, j, image, spring(vector)


def exact_matrix(recipe, q):
    """D_ab(q) = Σ_R Φ(a in cell R; b in cell 0) exp(−2πi q·R)."""
    matrix = np.zeros((5, 5, 3, 3), dtype=complex)
    for i, j, image, constants in neighbours(recipe.patterns.LATTICE, recipe.patterns.positions(0.4, 0.21)):
        matrix[i, j] += constants * np.exp(2j * np.pi * q @ image)
        matrix[i, i] -= constants
    return matrix


@pytest.fixture(scope="module")
def computed(recipe, tmp_path_factory):
    """Records of all runs in that model; their displaced cells are those of the plan."""
    folder = tmp_path_factory.mktemp("results")
    reference = recipe.patterns.positions(0.4, 0.21)
    for name, point in recipe.boundary.POINTS.items():
        home = np.vstack([reference + cell @ recipe.patterns.LATTICE for cell in point.cells])
        bonds = list(neighbours(point.lattice, home))
        for run in recipe.boundary.runs(name):
            positions = recipe.boundary.positions(reference, run)
            shift = positions - home
            forces = np.zeros((10, 3))
            for i, j, _, constants in bonds:
                forces[i] -= constants @ (shift[j] - shift[i])
            entry = {"positions_A": positions.tolist(), "forces_eV_per_A": forces.tolist()}
            recipe.espresso.save_record(folder, run.name, entry)
    return folder


@pytest.mark.parametrize("name", ["Z", "F", "L"])
def test_the_dynamical_matrix_comes_back(recipe, computed, name):
    found, change = recipe.boundary.dynamical_matrix(computed, name)
    exact = exact_matrix(recipe, np.array(recipe.boundary.POINTS[name].halves) / 2)
    assert abs(exact.imag).max() < 1e-12
    assert abs(exact.real - exact.real.transpose(1, 0, 3, 2)).max() < 1e-12
    assert found == pytest.approx(exact.real, abs=1e-10)
    assert change < 1e-10


def test_the_stars_fill_the_grid(recipe, computed):
    gamma = exact_matrix(recipe, np.zeros(3))
    whole = {(0, 0, 0): gamma.real}
    for name in recipe.boundary.POINTS:
        star = recipe.boundary.star(name, recipe.boundary.dynamical_matrix(computed, name)[0])
        assert len(star) == (1 if name == "Z" else 3)
        whole |= star
    assert set(whole) == set(itertools.product((0, 1), repeat=3))
    for key, matrix in whole.items():
        assert matrix == pytest.approx(exact_matrix(recipe, np.array(key) / 2).real, abs=1e-10)
    assert recipe.boundary.has(computed)
    blocks = recipe.boundary.blocks(computed, gamma.real)
    assert blocks.sum(axis=(0, 1, 2)) == pytest.approx(gamma.real, abs=1e-10)
    back = blocks.transpose(0, 1, 2, 4, 3, 6, 5)  # Φ(a R; b 0) = Φ(b −R; a 0), and −R is R with these periods
    assert blocks == pytest.approx(back, abs=1e-10)


def test_the_k_points_of_a_doubled_cell_are_those_of_the_mesh_of_one_cell(recipe):
    def mesh(values):
        divisions, shift = np.array(values[:3]), np.array(values[3:])
        points = np.array(list(itertools.product(*(range(n) for n in divisions))))
        return (points + shift / 2) / divisions

    single = mesh(recipe.plan.K4.mesh)
    for point in recipe.boundary.POINTS.values():
        folded = {tuple(np.rint(k * 32).astype(int) % 32) for k in single @ np.array(point.doubled).T}
        assert folded == {tuple(np.rint(k * 32).astype(int)) for k in mesh(point.mesh)}
        assert round(np.linalg.det(np.array(point.doubled))) == 2
        assert not (np.array(point.doubled) @ point.halves % 2).any() or point.cells[1] @ point.halves % 2
        # The doubled cell holds its two cells once each, and no more.
        inside = np.linalg.solve(np.array(point.doubled).T, point.cells[1])
        assert abs(inside - np.rint(inside)).max() > 0.4


def test_a_missing_run_is_an_error(recipe, tmp_path):
    assert not recipe.boundary.has(tmp_path)
    with pytest.raises(FileNotFoundError, match="no record Z_z_u1_g1"):
        recipe.boundary.dynamical_matrix(tmp_path, "Z")


def test_committed_runs_are_the_planned_ones(recipe):
    results = RECIPE / "results"
    reference = recipe.records.reference_positions(results)
    for name, point in recipe.boundary.POINTS.items():
        for run in recipe.boundary.runs(name):
            entry = recipe.espresso.load_record(results, run.name)
            if entry is None:
                continue
            assert np.array(entry["positions_A"]) == pytest.approx(recipe.boundary.positions(reference, run), abs=1e-9)
            assert entry["settings"] == json.loads(json.dumps(vars(recipe.boundary.settings(point))))
            assert abs(np.array(entry["forces_eV_per_A"]).sum(axis=0)).max() < 1e-5
