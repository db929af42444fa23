"""The recipe of Bi2Se3: its parts by identity, its analysis on a known potential, its committed numbers."""

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
MODULES = (
    "patterns",
    "invariants",
    "espresso",
    "pseudopotentials",
    "records",
    "lines",
    "harmonic",
    "couplings",
    "plan",
    "phonons",
    "boundary",
    "assemble",
    "recipe",
)

HGH_SELENIUM = """Hartwigsen-Goedecker-Hutter psp for Se,  from PRB58, 3641 (1998)
   34   6  010605 zatom,zion,pspdat
 3 1   2 0 2001 0  pspcod,pspxc,lmax,lloc,mmax,r2well
  0.510000    0.000000    0.000000    0.000000   0.000000 rloc, c1, c2, c3, c4
  0.432531    5.145131    2.052009   -1.369203          rs, h11s, h22s, h33s
  0.472473    2.858806   -0.590671    0.000000          rp, h11p, h22p, h33p
              0.062196    0.064907    0.000000                          k11p, k22p, k33p
  0.613420    0.434829    0.000000    0.000000          rd, h11d, h22d, h33d
              0.005784    0.000000    0.000000                          k11d, k22d, k33d
  0.000000    0.000000    0.000000    0.000000          rf, h11f, h22f, h33f
              0.000000    0.000000    0.000000                          k11f, k22f, k33f
"""

SCF_OUTPUT = """
     total energy              =     -79.66073894 Ry
!    total energy              =     -79.66073901 Ry
     estimated scf accuracy    <          3.8E-11 Ry
     convergence has been achieved in  19 iterations

     Forces acting on atoms (cartesian axes, Ry/au):

     atom    1 type  1   force =     0.00000000   -0.00473894   -0.00015813
     atom    2 type  1   force =     0.00000000    0.00473894    0.00015813
     atom    3 type  2   force =     0.00000000    0.00000000    0.00000000
     atom    4 type  2   force =    -0.00000000   -0.00541137   -0.00014683
     atom    5 type  2   force =     0.00000000    0.00541137    0.00014683
"""

FIELD_OUTPUT = """
          Dielectric constant in cartesian axis

          (      41.790383514       0.000000000       0.000000000 )
          (       0.000000000      41.762055984      -0.014528569 )
          (       0.000000000      -0.014197897      25.851562572 )

          Effective charges (d Force / dE) in cartesian axis

           atom      1   Bi
      Ex  (        6.78413        0.00000        0.00000 )
      Ey  (        0.00000        6.78482       -0.00037 )
      Ez  (        0.00000       -0.00173        4.19039 )
           atom      2   Bi
      Ex  (        6.78413        0.00000        0.00000 )
      Ey  (        0.00000        6.78482       -0.00037 )
      Ez  (        0.00000       -0.00173        4.19039 )
"""


@pytest.fixture(scope="module")
def recipe():
    """Import the modules of the recipe, which stand beside each other in a folder that is no package."""
    with recipe_modules(MODULES, RECIPE, TOOLS) as modules:
        yield modules


@pytest.fixture(scope="module")
def table(recipe):
    return recipe.pseudopotentials.read_table(HGH_SELENIUM)


def test_spin_orbit_drops_out_of_the_mean_over_j(recipe, table):
    blocks = recipe.pseudopotentials.nonlocal_blocks(table)
    assert [(ell, j) for ell, j, *_ in blocks] == [(0, 0.5), (1, 0.5), (1, 1.5), (2, 1.5), (2, 2.5)]
    for channel in table.channels[1:]:
        parts = [(2 * j + 1, matrix) for ell, j, _, _, matrix in blocks if ell == channel.ell]
        mean = sum(weight * matrix for weight, matrix in parts) / sum(weight for weight, _ in parts)
        whole = recipe.pseudopotentials.coupling_matrix(channel.ell, channel.h)
        assert mean == pytest.approx(whole[: len(mean), : len(mean)], abs=1e-14)


def test_projectors_of_a_channel_are_normalised_and_the_local_part_ends_as_coulomb(recipe, table):
    r, weight = recipe.pseudopotentials.radial_mesh(34)
    for ell, i in itertools.product(range(3), range(3)):
        p = recipe.pseudopotentials.projector(ell, i, 0.6, r)
        assert np.sum((p * r) ** 2 * weight) == pytest.approx(1, abs=1e-6)
    potential = recipe.pseudopotentials.local_potential(table, r)
    assert potential[r > 5] == pytest.approx(-6 / r[r > 5], rel=1e-12)


def test_upf_holds_every_projector_in_rydberg(recipe, table):
    text = recipe.pseudopotentials.upf_text(table, "Se")
    count = sum(len(indices) for _, _, indices, _, _ in recipe.pseudopotentials.nonlocal_blocks(table))
    assert f'number_of_proj="{count}"' in text
    assert text.count("<PP_BETA.") == text.count("<PP_RELBETA.") == count
    first = text.split('<PP_DIJ type="real"')[1].split("\n")[1].split()[0]
    assert float(first) == pytest.approx(2 * 5.145131)


def test_a_missing_table_names_the_folder_and_the_variable(recipe, tmp_path):
    with pytest.raises(FileNotFoundError, match="RECIPE_HGH_DIR"):
        recipe.pseudopotentials.find_table("Bi", str(tmp_path))


def test_the_command_ends_in_one_line_where_something_is_missing(recipe, tmp_path, capsys):
    assert recipe.recipe.main(["relax", "--work", str(tmp_path), "--hgh", str(tmp_path)]) == 1
    message = capsys.readouterr().err
    assert message.count("\n") == 1
    assert "83bi.5.hgh" in message
    with pytest.raises(SystemExit):
        recipe.recipe.main(["nonsense"])
    assert "unknown step 'nonsense'" in capsys.readouterr().err


def test_input_holds_cell_positions_mesh_and_start(recipe):
    cell = recipe.espresso.Cell(
        recipe.patterns.LATTICE,
        recipe.patterns.SYMBOLS,
        recipe.patterns.MASSES,
        recipe.pseudopotentials.upf_names(["Bi", "Se"]),
    )
    positions = recipe.patterns.positions(0.4, 0.21)
    text = recipe.espresso.scf_input(cell, positions, recipe.plan.K6, Path("pseudo"), start_density=True)
    lines = text.splitlines()
    start = lines.index("ATOMIC_POSITIONS angstrom") + 1
    assert np.array([line.split()[1:] for line in lines[start : start + 5]], dtype=float) == pytest.approx(positions)
    start = lines.index("CELL_PARAMETERS angstrom") + 1
    read = np.array([line.split() for line in lines[start : start + 3]], dtype=float)
    assert read == pytest.approx(recipe.patterns.LATTICE)
    assert lines[-2:] == ["K_POINTS automatic", "6 6 6 0 0 1"]
    assert "startingpot='file'" in text
    assert "startingwfc='random'" in text
    assert "lspinorb=.true." in text


def test_energy_and_forces_are_read_in_electronvolt(recipe):
    energy, forces = recipe.espresso.read_scf(SCF_OUTPUT, 5)
    assert energy == pytest.approx(-79.66073901 * 13.605693122994, rel=1e-14)
    assert forces[4, 1] == pytest.approx(0.00541137 * 13.605693122994 / 0.529177210903, rel=1e-14)
    assert abs(forces.sum(axis=0)).max() < 1e-12


@pytest.mark.parametrize("missing", ["convergence has been achieved", "!    total energy", "force ="])
def test_an_unfinished_run_is_an_error(recipe, missing):
    with pytest.raises(ValueError, match="no converged energy and forces"):
        recipe.espresso.read_scf(SCF_OUTPUT.replace(missing, ""), 5)


def test_the_field_response_is_read(recipe):
    epsilon, charges = recipe.espresso.read_field(FIELD_OUTPUT, 2)
    assert epsilon[1] == pytest.approx([0, 41.762055984, -0.014528569])
    assert charges.shape == (2, 3, 3)
    assert charges[1, 2] == pytest.approx([0, -0.00173, 4.19039])
    for cut in ("Dielectric", "Effective", "atom      2   Bi\n      Ex"):
        with pytest.raises(ValueError, match="no field response"):
            recipe.espresso.read_field(FIELD_OUTPUT[: FIELD_OUTPUT.index(cut)], 2)


@pytest.mark.parametrize(("name", "key"), [("fields", "fields"), ("k6_fields", "denser_fields")])
def test_committed_charges_obey_the_symmetry_and_the_sum_rule(recipe, name, key):
    raw = np.array(json.loads((RECIPE / "results" / f"{name}.json").read_text())["born_charges_e"])
    # The response was computed at a tiny displacement; the three-fold axis holds but for that and the k mesh.
    assert raw[:, 0, 0] == pytest.approx(raw[:, 1, 1], abs=0.01)
    assert raw[[0, 3]] == pytest.approx(raw[[1, 4]], abs=1e-5)
    found = json.loads((RECIPE / "gamma.json").read_text())[key]
    charges = found["born_charges_e"]
    for axis in range(2):
        total = 2 * charges["Bi"][axis] + charges["Se1"][axis] + 2 * charges["Se2"][axis]
        assert abs(total) < 1e-5
        assert raw[:, 2 * axis, 2 * axis].sum() == pytest.approx(found["sum_rule_violation_e"][axis], abs=0.01)


def test_the_bundled_charges_are_the_record_on_the_denser_mesh(recipe):
    results = RECIPE / "results"
    entry = recipe.records.record(results, "k6_fields")
    assert entry["settings"]["mesh"] == list(recipe.plan.K6.mesh)
    assert entry["settings"]["cutoff_Ry"] == recipe.plan.K6.cutoff_Ry
    raw = np.array(entry["born_charges_e"])
    neutral = raw - raw.sum(axis=0) / len(raw)
    expected = [np.array(entry["epsilon"]), *neutral[[0, 2, 3]]]
    lines = (RECIPE.parent / "BORN").read_text(encoding="utf-8").splitlines()[1:]
    assert len(lines) == len(expected)
    shown = []
    for line, tensor in zip(lines, expected, strict=True):
        written = np.array(line.split(), dtype=float).reshape(3, 3)
        assert written == pytest.approx(np.diag(np.diag(written)), abs=1e-9)
        in_plane = (tensor[0, 0] + tensor[1, 1]) / 2  # the mean over the three-fold axis
        assert np.diag(written) == pytest.approx([in_plane, in_plane, tensor[2, 2]], abs=1e-7)
        shown.append(f"{in_plane:.2f} / {tensor[2, 2]:.2f}")
    stated = (RECIPE.parent / "SOURCE.md").read_text(encoding="utf-8").replace("\N{MINUS SIGN}", "-")
    assert " | ".join(shown[1:]) in stated


def test_the_cell_is_relaxed_on_the_denser_mesh(recipe):
    results = RECIPE / "results"
    entry = recipe.records.record(results, "k6_fields_scf")
    assert entry["settings"]["mesh"] == list(recipe.plan.K6.mesh)
    planned = recipe.harmonic.newton_positions(results, "k6_equilibrium")
    assert np.array(entry["positions_A"])[:, 2] == pytest.approx(planned[:, 2], abs=1e-8)
    assert abs(np.array(entry["forces_eV_per_A"])[:, 2]).max() < recipe.recipe.FORCE_LIMIT
    u, v = np.array(entry["positions_A"])[[0, 3], 2] / recipe.patterns.C
    for name in ("SOURCE.md", "recipe/README.md"):
        text = (RECIPE.parent / name).read_text(encoding="utf-8")
        assert f"{u:.6f}" in text
        assert f"{v:.6f}" in text


def test_a_record_with_other_settings_is_an_error(recipe, tmp_path):
    positions = recipe.patterns.positions(0.4, 0.21)
    save_record(recipe, tmp_path, "known", positions, np.zeros((5, 3)))
    place = recipe.espresso.Workplace(tmp_path, tmp_path, tmp_path)
    assert recipe.espresso.compute(place, "known", None, positions, recipe.plan.K4)["energy_eV"] == 0.0
    with pytest.raises(ValueError, match="other settings or positions"):
        recipe.espresso.compute(place, "known", None, positions, recipe.plan.K6)
    with pytest.raises(ValueError, match="other settings or positions"):
        recipe.espresso.compute(place, "known", None, positions + 1e-3, recipe.plan.K4)


def save_record(recipe, folder, name, positions, forces):
    settings = {"cutoff_Ry": 36.0, "mesh": [4, 4, 4, 0, 0, 1], "threshold_Ry": 1e-10}
    entry = {
        "settings": settings,
        "positions_A": positions.tolist(),
        "energy_eV": 0.0,
        "forces_eV_per_A": forces.tolist(),
        "walltime_s": 1.0,
    }
    recipe.espresso.save_record(folder, name, entry)


def test_relaxation_ends_where_the_forces_vanish(recipe, tmp_path, monkeypatch):
    target = np.array([0.4003, 0.2113])
    hessian = np.array([[12.0, -3.0], [-2.5, 9.0]])  # eV/Å²

    def compute(place, name, cell, positions, settings, **_):
        shift = positions[[0, 3], 2] - target * recipe.patterns.C
        forces = np.zeros((5, 3))
        forces[[0, 3], 2] = -hessian @ shift - 4 * shift**2
        forces[[1, 4], 2] = -forces[[0, 3], 2]
        (place.scratch / name).mkdir(parents=True)
        save_record(recipe, place.results, name, positions, forces)
        return recipe.espresso.load_record(place.results, name)

    monkeypatch.setattr(recipe.espresso, "compute", compute)
    place = recipe.espresso.Workplace(tmp_path / "results", tmp_path / "scratch", tmp_path)
    recipe.recipe.relax(recipe.recipe.Session(place, None, (0.3995, 0.2095)))
    positions = recipe.records.reference_positions(place.results)
    assert positions[[0, 3], 2] / recipe.patterns.C == pytest.approx(target, abs=2e-5)
    assert (place.scratch / "equilibrium").is_dir()
    monkeypatch.setattr(recipe.espresso, "compute", None)
    recipe.recipe.relax(recipe.recipe.Session(place, None, (0.3995, 0.2095)))  # nothing is left to compute


def test_patterns_are_the_orthonormal_optical_space(recipe):
    vectors = recipe.patterns.BASIS.reshape(12, 15)
    assert vectors @ vectors.T == pytest.approx(np.eye(12), abs=1e-14)
    drift = np.einsum("cka,k->ca", recipe.patterns.BASIS, np.sqrt(recipe.patterns.ATOM_MASSES))
    assert abs(drift).max() < 1e-12


def operation(recipe, rotation, swaps):
    """Return the action (12, 12) on MODES of a point operation that exchanges the half layers or not."""
    matrix = np.zeros((12, 12))
    for i, j in itertools.product(range(12), range(12)):
        first, second = recipe.invariants.MODES[i], recipe.invariants.MODES[j]
        if first[:-1] == second[:-1]:
            even = -1 if swaps and "g" in first else 1
            matrix[i, j] = even * rotation["xyz".index(first[-1]), "xyz".index(second[-1])]
    return matrix


def test_the_cubic_invariants_are_all_of_d3d(recipe):
    cosine, sine = -0.5, np.sqrt(3) / 2
    three = np.array([[cosine, -sine, 0], [sine, cosine, 0], [0, 0, 1]])
    generators = [
        operation(recipe, three, False),
        operation(recipe, np.diag([1.0, -1.0, -1.0]), True),
        operation(recipe, -np.eye(3), True),
    ]
    tensors = recipe.invariants.cubic()
    for g, tensor in itertools.product(generators, tensors.values()):
        assert np.einsum("abc,ax,by,cz->xyz", tensor, g, g, g) == pytest.approx(tensor, abs=1e-14)
    rotation, two_fold, inversion = generators
    group = [
        np.linalg.matrix_power(rotation, a) @ np.linalg.matrix_power(two_fold, b) @ np.linalg.matrix_power(inversion, c)
        for a, b, c in itertools.product(range(3), range(2), range(2))
    ]
    # The number of cubic invariants is the mean of the character of the symmetric cube.
    cube = [np.trace(g) ** 3 / 6 + np.trace(g) * np.trace(g @ g) / 2 + np.trace(g @ g @ g) / 3 for g in group]
    assert np.mean(cube) == pytest.approx(len(tensors))
    assert np.linalg.matrix_rank(np.array([tensor.ravel() for tensor in tensors.values()])) == len(tensors) == 40


@pytest.fixture(scope="module")
def known(recipe, tmp_path_factory):
    """Records of every planned run in a potential with known couplings, and those couplings."""
    folder = tmp_path_factory.mktemp("results")
    rng = np.random.default_rng(7)
    tensors = recipe.invariants.cubic()
    coefficient = dict(zip(tensors, rng.normal(scale=1e-3, size=len(tensors)), strict=True))
    blocks = {label: np.diag([0.02, 0.06]) + 0.005 * rng.normal() * (1 - np.eye(2)) for label in recipe.patterns.BLOCKS}
    modes = {}
    for label, (first, second, _) in recipe.patterns.BLOCKS.items():
        values, vectors = np.linalg.eigh(blocks[label])
        for number in range(2):
            mode = recipe.harmonic.Mode(values[number], 0.0, vectors[:, number], (first, second))
            vector = mode.vector * np.sign(mode.pattern[0])
            modes[f"{label}{number + 1}"] = recipe.harmonic.Mode(values[number], 0.0, vector, (first, second))
    rotation = recipe.harmonic.rotation(modes)
    curvature = np.array([modes[name[:-1]].curvature for name in recipe.invariants.MODES])
    index = {name: i for i, name in enumerate(recipe.invariants.MODES)}
    u, g = [index["Eu1x"], index["Eu1y"]], [index["Eg2x"], index["Eg2y"]]
    b_u, b_g, e, twist = 2e-4, -3e-5, 1e-5, 4e-6

    def force(q, mesh):
        shift = 5e-5 if mesh == 6 else 0.0  # the denser mesh of this model changes two numbers
        result = -curvature * q
        result[u] -= 2 * shift * q[u]
        for label, tensor in tensors.items():
            c = coefficient[label] + (shift if label == "Eu1 Eu1 Eg2" else 0.0)
            result = result - 3 * c * np.einsum("abc,b,c->a", tensor, q, q)
        square_u, square_g = q[u] @ q[u], q[g] @ q[g]
        result[u] -= (4 * b_u * square_u + 2 * e * square_g) * q[u]
        result[g] -= (4 * b_g * square_g + 2 * e * square_u) * q[g]
        square_q, square_p = (q[u] @ [1, 1j]) ** 2, (q[g] @ [1, 1j]) ** 2
        # of twist Re(Q² P*²): the gradient with respect to Q is 2 Q* P² as a complex number, and so for P
        for pair, gradient in ((u, (q[u] @ [1, -1j]) * square_p), (g, (q[g] @ [1, -1j]) * square_q)):
            result[pair] -= 2 * twist * np.array([gradient.real, gradient.imag])
        return result

    origin = recipe.patterns.positions(0.4, 0.21)

    def compute(runs):
        for run in runs:
            shift = recipe.patterns.displacement(run.amplitudes)
            seen = force(rotation @ recipe.patterns.amplitudes(shift), run.settings.mesh[0])
            weighted = np.einsum("c,cka->ka", rotation.T @ seen, recipe.patterns.BASIS)
            forces = weighted * np.sqrt(recipe.patterns.ATOM_MASSES)[:, None]
            save_record(recipe, folder, run.name, origin + shift, forces)

    compute([recipe.plan.Run("equilibrium", {})])
    compute(recipe.plan.harmonic())
    compute(recipe.plan.couplings(recipe.harmonic.first_modes(folder)))
    compute(recipe.plan.doubled())
    compute(recipe.plan.denser(recipe.harmonic.first_modes(folder)))
    compute(recipe.plan.checks(recipe.harmonic.first_modes(folder)))
    return SimpleNamespace(folder=folder, coefficient=coefficient, modes=modes, b_u=b_u, b_g=b_g, e=e, twist=twist)


def test_generalised_forces_are_minus_the_gradient(recipe):
    rng = np.random.default_rng(2)
    matrix = rng.normal(size=(12, 12))
    matrix += matrix.T
    q = rng.normal(size=12)
    shift = np.einsum("c,cka->ka", q, recipe.patterns.BASIS) / np.sqrt(recipe.patterns.ATOM_MASSES)[:, None]
    assert recipe.patterns.amplitudes(shift) == pytest.approx(q)

    def energy(positions):
        amplitude = recipe.patterns.amplitudes(positions)
        return amplitude @ matrix @ amplitude / 2

    forces = np.zeros((5, 3))
    for atom, axis in itertools.product(range(5), range(3)):
        step = np.zeros((5, 3))
        step[atom, axis] = 1e-4
        forces[atom, axis] = -(energy(shift + step) - energy(shift - step)) / 2e-4
    assert recipe.patterns.generalised_forces(forces) == pytest.approx(-matrix @ q, rel=1e-6)


def test_known_frequencies_and_patterns_are_found_again(recipe, known):
    found = recipe.harmonic.modes(known.folder)
    for name, mode in known.modes.items():
        assert found[name].curvature == pytest.approx(mode.curvature, rel=1e-9)
        assert found[name].pattern == pytest.approx(mode.pattern, abs=1e-9)


def test_one_newton_step_finds_the_positions_without_forces(recipe, known, tmp_path):
    for path in known.folder.glob("g*z*.json"):
        (tmp_path / path.name).write_text(path.read_text())
    equilibrium = (known.folder / "equilibrium.json").read_text()
    (tmp_path / "equilibrium.json").write_text(equilibrium)
    origin = recipe.patterns.positions(0.4, 0.21)
    block = recipe.harmonic.block(known.folder, "A1g")[0]
    amplitude = np.array([0.03, -0.02])
    shift = recipe.patterns.displacement({"g1z": amplitude[0], "g2z": amplitude[1]})
    force = np.zeros(12)
    force[[recipe.patterns.COORDINATES.index(name) for name in ("g1z", "g2z")]] = -block @ amplitude
    weighted = np.einsum("c,cka->ka", force, recipe.patterns.BASIS)
    forces = weighted * np.sqrt(recipe.patterns.ATOM_MASSES)[:, None]
    save_record(recipe, tmp_path, "denser", origin + shift, forces)
    assert recipe.harmonic.newton_positions(tmp_path, "denser") == pytest.approx(origin, abs=1e-9)


def test_fields_of_the_denser_mesh_want_a_relaxed_cell(recipe, known, tmp_path, monkeypatch):
    left = np.zeros((5, 3))
    left[[0, 1], 2] = 0.006, -0.006

    def compute(place, name, cell, positions, settings, **_):
        assert settings == recipe.plan.K6
        save_record(recipe, place.results, name, positions, left)
        return recipe.espresso.load_record(place.results, name)

    for path in known.folder.glob("*.json"):
        (tmp_path / path.name).write_text(path.read_text())
    monkeypatch.setattr(recipe.espresso, "compute", compute)
    session = recipe.recipe.Session(recipe.espresso.Workplace(tmp_path, tmp_path, tmp_path), None, (0.4, 0.21))
    with pytest.raises(RuntimeError, match=r"still 0.0060 eV/Å"):
        recipe.recipe.denser_fields(session)
    left[:] = 0.0
    calls = []
    monkeypatch.setattr(recipe.espresso, "compute_fields", lambda *arguments, **_: calls.append(arguments))
    recipe.recipe.denser_fields(session)
    assert [call[1] for call in calls] == ["k6_fields"]


def test_known_couplings_are_found_again(recipe, known):
    content = json.loads(json.dumps(recipe.assemble.outputs(known.folder)["couplings.json"]))
    assert {name: entry["value"] for name, entry in content["cubic"].items()} == pytest.approx(
        known.coefficient, rel=1e-6, abs=1e-9
    )
    assert content["fit"]["rank"] == 40
    assert not content["fit"]["without_double"]
    assert len(content["tests"]) == 6
    for entry in content["tests"].values():
        assert entry["rms_difference"] < 1e-6 * entry["rms_force"]
    assert content["quartic"]["Eu1^4"]["value"] == pytest.approx(known.b_u, rel=1e-5)
    assert content["quartic"]["Eg2^4"]["value"] == pytest.approx(known.b_g, rel=1e-5)
    assert content["quartic"]["|Eu1|^2 |Eg2|^2"]["value"] == pytest.approx(known.e, rel=1e-3)
    assert content["quartic"]["Re(Eu1^2 Eg2*^2)"]["value"] == pytest.approx(known.twist, rel=1e-3)
    for axis, sign in (("x", -1), ("y", 1)):
        entry = content["Eu1_Eg2_structures"][axis]
        assert entry["e_from_g_force"] == pytest.approx(known.e + sign * known.twist, rel=1e-3)
        assert entry["e_from_u_force"] == pytest.approx(known.e + sign * known.twist, rel=1e-3)
        assert entry["c_from_u_force"] == pytest.approx(known.coefficient["Eu1 Eu1 Eg2"], rel=1e-3)
        assert entry["c_from_g_force"] == pytest.approx(known.coefficient["Eu1 Eu1 Eg2"], rel=1e-3)


def test_the_change_with_the_mesh_is_found_again(recipe, known):
    content = recipe.assemble.outputs(known.folder)
    change = {name: entry["change_of_mesh"] for name, entry in content["couplings.json"]["cubic"].items()}
    assert change["Eu1 Eu1 Eg2"] == pytest.approx(5e-5, rel=1e-3)
    for name, value in change.items():
        alone = name.startswith(("Eu1 Eu1", "Eg2 Eg2")) or name.endswith("Eg2 Eg2")
        assert (value is not None) == alone
        assert name == "Eu1 Eu1 Eg2" or value is None or abs(value) < 1e-7
    modes = content["gamma.json"]["modes"]
    slope = modes["Eu1"]["frequency_THz"] / (2 * modes["Eu1"]["curvature_eV_per_A2_amu"])
    assert modes["Eu1"]["change_of_mesh_THz"] == pytest.approx(slope * 1e-4, rel=1e-2)
    assert abs(modes["Eg2"]["change_of_mesh_THz"]) < 1e-6
    assert modes["Eg1"]["change_of_mesh_THz"] is None


def test_too_few_structures_are_an_error(recipe, known):
    rotation = recipe.harmonic.rotation(known.modes)
    structures = [recipe.records.structure(known.folder, name) for name in recipe.couplings.SMALL[:8]]
    with pytest.raises(ValueError, match="of 40 cubic couplings"):
        recipe.couplings.fit(structures, rotation)


def test_every_large_structure_is_the_double_of_a_small_one(recipe, known):
    for name in recipe.couplings.SMALL:
        small = recipe.records.structure(known.folder, name)
        large = recipe.records.structure(known.folder, recipe.couplings.DOUBLE[name])
        assert large.amplitude == pytest.approx(2 * small.amplitude, abs=1e-9)


def test_committed_outputs_follow_from_the_committed_records(recipe):
    outputs = json.loads(json.dumps(recipe.assemble.outputs(RECIPE / "results")))
    for name, content in outputs.items():
        assert_equal(content, json.loads((RECIPE / name).read_text()), name)


def assert_equal(found, committed, where):
    """Compare nested values: numbers to 1e-5 relative and 1e-9 absolute (least squares differ by the BLAS in use)."""
    if isinstance(found, dict):
        assert list(found) == list(committed), where
        for key in found:
            assert_equal(found[key], committed[key], f"{where}: {key}")
    elif isinstance(found, list):
        assert len(found) == len(committed), where
        for number, (a, b) in enumerate(zip(found, committed, strict=True)):
            assert_equal(a, b, f"{where}[{number}]")
    elif isinstance(found, float) and not isinstance(committed, bool):
        assert found == pytest.approx(committed, rel=1e-5, abs=1e-9), where
    else:
        assert found == committed, where


def test_committed_records_are_the_planned_structures(recipe):
    results = RECIPE / "results"
    origin = recipe.records.reference_positions(results)
    first = recipe.harmonic.first_modes(results)
    plan = recipe.plan
    runs = {
        run.name: run
        for run in plan.harmonic() + plan.couplings(first) + plan.denser(first) + plan.doubled() + plan.checks(first)
    }
    special = {"equilibrium", "fields_scf", "fields", "k6_fields_scf", "k6_fields"}
    for path in results.glob("*.json"):
        if path.stem in special or path.stem[:2] in ("Z_", "F_", "L_"):  # the latter: test_boundary.py
            continue
        run = runs[path.stem]
        entry = json.loads(path.read_text())
        shift = np.array(entry["positions_A"]) - origin
        assert shift == pytest.approx(recipe.patterns.displacement(run.amplitudes), abs=1e-7)
        assert entry["settings"]["mesh"] == list(run.settings.mesh)
        forces = np.array(entry["forces_eV_per_A"])
        assert abs(forces.sum(axis=0)).max() < 1e-5
