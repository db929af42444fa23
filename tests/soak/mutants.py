"""Mutation testing of the rooms that hold the physics: change one operator or number at a time; a test must fail.

    PYTHONPATH=.:tests python tests/soak/mutants.py FOLDER [MODULE …] [--each N] [--seed S] [--seconds T] [--tests FILE]

FOLDER keeps which tests run which line (found first; needs coverage) and every verdict, so that a stopped run goes on
where it was: name another one after a change. `--each N` takes N mutants of each module, drawn with the seed; without
it all are tried. Tests that run the changed line go first, shortest first, until one fails or T processor seconds of
them have passed. Survivors that cannot be told from the original are explained in `mutants.toml` beside this file; exit
status 1 if any other survives. `--tests` takes these files alone, for a quick look at a module and its own tests.

Written here because the tests of one mutant must take seconds: every mutant runs in a fork of one process that has
loaded NumPy, SciPy, phonopy and xarray, the package stays as it is on the disk, compiled kernels included, and only
tests of files that reach the line are run.
"""

import argparse
import contextlib
import importlib.abc
import importlib.machinery
import importlib.util
import json
import os
import random
import resource
import signal
import sys
import time
import tomllib
from collections import Counter, defaultdict
from pathlib import Path

import mutators
import pytest

ROOT = Path(__file__).parents[2]
EXPLAINED = Path(__file__).with_name("mutants.toml")
ROOMS = ("modes", "anharmonic", "dynamics")
LEDGER = ("observe/book.py", "observe/ledger_series.py")
TESTS = ("anharmonic", "dynamics", "kernels", "modes", "observe", "cli/test_commands.py", "show/test_export.py")
THIRD_PARTIES = (
    "numpy", "scipy.optimize", "scipy.integrate", "scipy.linalg", "scipy.special", "phonopy", "spglib", "xarray",
    "h5py", "h5netcdf", "ase.build", "ase.calculators.lj", "yaml", "matplotlib.figure",
)  # fmt: skip
PYTEST = ["-q", "-x", "--no-header", "-p", "no:cacheprovider", "-p", "no:terminalreporter"]


def modules():
    """Modules that are mutated, as paths in the package."""
    found = [path for room in ROOMS for path in sorted((ROOT / "lattice" / room).glob("*.py"))]
    found += [ROOT / "lattice" / name for name in LEDGER]
    return [path for path in found if path.name != "__init__.py"]


def dotted(path):
    return ".".join(path.relative_to(ROOT).with_suffix("").parts)


class Patient:
    """Pytest plugin that notes the first test that fails; Hypothesis may take its time and always draws the same."""

    def __init__(self):
        self.failed = ""

    def pytest_configure(self):
        from hypothesis import HealthCheck, settings

        settings.register_profile("soak", deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
        settings.load_profile("soak")

    def pytest_runtest_logreport(self, report):
        if report.failed and not self.failed:
            self.failed = report.nodeid

    def pytest_collectreport(self, report):
        if report.failed and not self.failed:
            self.failed = f"import of {report.nodeid}"


class Mapper(Patient):
    """Pytest plugin that notes which lines every test runs, and how long it takes."""

    def __init__(self, coverage):
        super().__init__()
        self.coverage, self.seconds, self.begun = coverage, {}, 0.0

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logstart(self, nodeid):
        self.coverage.switch_context(nodeid)
        self.begun = time.process_time()

    def pytest_runtest_logfinish(self, nodeid):
        self.seconds[nodeid] = time.process_time() - self.begun
        self.coverage.switch_context("")


def make_maps(folder, files):
    """Write, for every file of tests that has none yet, which lines each of its tests runs; return all as one."""
    content = {"tests": [], "seconds": [], "lines": {dotted(path): defaultdict(set) for path in modules()}}
    folders = [ROOT / "tests" / name for name in TESTS]
    for file in files or sorted(x for path in folders for x in (path.glob("test_*.py") if path.is_dir() else [path])):
        kept = folder / f"map-{file.parent.name}-{file.stem}.json"
        if not kept.exists():
            child = os.fork()  # the package is loaded by the tests of each file and each mutant anew
            if child == 0:
                status = 3
                try:
                    status = make_map(file, kept)
                finally:
                    os._exit(int(status))
            if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) != 0:
                sys.exit(2)
        found, first = json.loads(kept.read_text()), len(content["tests"])
        content["tests"] += found["tests"]
        content["seconds"] += found["seconds"]
        for module, lines in found["lines"].items():
            for line, tests in lines.items():
                content["lines"][module][int(line)] |= {first + i for i in tests}
    return content


def make_map(file, kept):
    """Run the tests of one file and write lines → tests."""
    import coverage

    measured = coverage.Coverage(data_file=None, source=[str(ROOT / "lattice")], config_file=False)
    mapper = Mapper(measured)
    measured.start()
    status = pytest.main([*PYTEST, str(file)], plugins=[mapper])
    measured.stop()
    data, names = measured.get_data(), sorted(mapper.seconds)
    index = {name: i for i, name in enumerate(names)}
    lines = {}
    for path in modules():
        reached = data.contexts_by_lineno(str(path))
        lines[dotted(path)] = {line: sorted(index[x] for x in found if x in index) for line, found in reached.items()}
    content = {"seconds": [mapper.seconds[name] for name in names], "tests": names, "lines": lines}
    if status == 0:
        kept.write_text(json.dumps(content))
    else:
        print(f"without a mutation, status {status}: {mapper.failed}", flush=True)
    return status


def choose(content, mutant, limit):
    """List the tests of a mutant: file by file, those that run the line before others of the file, shortest first."""
    lines, module = content["lines"][mutant.module], mutant.module
    direct = lines.get(mutant.line, set())
    if mutant.function == "module":  # run at import, by whichever test came first, and used by the others
        direct = set().union(*lines.values())
    elif not direct:  # one of the further lines of a long expression
        near = [x for x in lines if lines[x] and x <= mutant.line]
        direct = lines[max(near)] if near else set()
    files = defaultdict(list)
    for i in direct:
        files[content["tests"][i].partition("::")[0]].append(i)
    own = module.rpartition(".")[2]
    cost = {file: sum(content["seconds"][i] for i in found) for file, found in files.items()}
    chosen, spent = [], 0.0
    for file in sorted(files, key=lambda file: (f"test_{own}.py" not in file, cost[file])):
        rest = [i for i, name in enumerate(content["tests"]) if name.startswith(f"{file}::") and i not in direct]
        for i in (*sorted(files[file], key=lambda i: content["seconds"][i]), *rest):
            if spent < limit:
                chosen.append(i)
                spent += content["seconds"][i]
    return chosen, spent, len(direct)


class Changed(importlib.abc.MetaPathFinder, importlib.machinery.SourceFileLoader):
    """Import hook that gives one module with a mutation."""

    def __init__(self, name, path, tree):
        importlib.machinery.SourceFileLoader.__init__(self, name, str(path))
        self.changed = compile(tree, str(path), "exec")

    def find_spec(self, fullname, _path=None, _target=None):
        return importlib.util.spec_from_loader(fullname, self) if fullname == self.name else None

    def get_code(self, _fullname):
        return self.changed


class Killer(Patient):
    """Pytest plugin that puts the tests in order."""

    def __init__(self, order):
        super().__init__()
        self.order = {name: i for i, name in enumerate(order)}

    def pytest_collection_modifyitems(self, items):
        items[:] = sorted((x for x in items if x.nodeid in self.order), key=lambda x: self.order[x.nodeid])


def run_tests(mutant, order, seconds):
    """Run the tests of a mutant in a fork; return its verdict: the test that killed it, empty if it survived."""
    inlet, outlet = os.pipe()
    child = os.fork()
    if child == 0:
        status = 3
        try:
            os.setsid()
            resource.setrlimit(resource.RLIMIT_CPU, (int(3 * seconds) + 20,) * 2)
            resource.setrlimit(resource.RLIMIT_AS, (8 * 2**30,) * 2)
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            quiet = os.open(os.devnull, os.O_RDWR)
            for fd in (0, 1, 2):
                os.dup2(quiet, fd)
            path = ROOT / (mutant.module.replace(".", "/") + ".py")
            sys.meta_path.insert(0, Changed(mutant.module, path, mutators.mutate(path.read_text(), mutant.number)))
            killer, files = Killer(order), list(dict.fromkeys(name.partition("::")[0] for name in order))
            status = pytest.main([*PYTEST, *(str(ROOT / file) for file in files)], plugins=[killer])
            os.write(outlet, killer.failed.encode())
        finally:
            os._exit(int(status))
    os.close(outlet)
    killed, ended = wait(child, 60 + 20 * seconds)
    said = os.read(inlet, 65536).decode()
    os.close(inlet)
    if killed or ended < 0:
        return "no end" if killed or ended in (-signal.SIGXCPU, -signal.SIGKILL) else f"signal {-ended}"
    if ended == 5:
        raise RuntimeError(f"no test was run for {mutant.name}")
    return "" if ended == 0 else said or f"status {ended}"


def wait(child, seconds):
    """Wait for a fork, no longer than some seconds; return whether it had to be killed, and how it ended."""
    end, killed = time.monotonic() + seconds, False
    while True:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            break
        if time.monotonic() > end:
            killed = True
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child, signal.SIGKILL)
            status = os.waitpid(child, 0)[1]
            break
        time.sleep(0.02)
    with contextlib.suppress(ProcessLookupError):  # what the tests had started
        os.killpg(child, signal.SIGKILL)
    return killed, os.waitstatus_to_exitcode(status)


def drawn(names, each, seed):
    """List the mutants to be tried."""
    found = []
    for path in modules():
        if names and not any(dotted(path).endswith(name) for name in names):
            continue
        some = mutators.mutants(dotted(path), path.read_text())
        if each is not None:
            some = random.Random(f"{seed} {dotted(path)}").sample(some, len(some))[:each]  # holds every smaller draw
        found += some
    return found


def explained():
    """Names of survivors that are explained."""
    return {entry["mutant"]: entry["why"] for entry in tomllib.loads(EXPLAINED.read_text())["survivor"]}


def try_all(folder, some, seconds, files):
    """Try mutants that have no verdict yet; return name → verdict of all."""
    content, results, known = make_maps(folder, files), folder / "verdicts.jsonl", {}
    if results.exists():
        known = {entry["mutant"]: entry["verdict"] for entry in map(json.loads, results.read_text().splitlines())}
    for mutant in some:
        if mutant.name in known:
            continue
        chosen, cost, direct = choose(content, mutant, seconds)
        start = time.perf_counter()
        verdict = "not reached" if not chosen else run_tests(mutant, [content["tests"][i] for i in chosen], cost)
        known[mutant.name] = verdict
        entry = {"mutant": mutant.name, "line": mutant.line, "verdict": verdict, "tests": len(chosen), "reach": direct}
        entry["seconds"] = round(time.perf_counter() - start, 1)
        with results.open("a") as file:
            file.write(json.dumps(entry, ensure_ascii=False) + "\n")
        if verdict in ("", "not reached"):
            print(f"survived: {mutant.name} (line {mutant.line}; {len(chosen)} tests)", flush=True)
    return known


def main(words):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("modules", nargs="*")
    parser.add_argument("--tests", type=lambda text: Path(text).resolve(), action="append")
    parser.add_argument("--each", type=int)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=20.0)
    given = parser.parse_intermixed_args(words)
    os.environ |= {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    os.environ["HYPOTHESIS_STORAGE_DIRECTORY"] = str(given.folder)
    given.folder.mkdir(exist_ok=True)
    os.chdir(ROOT)
    for name in THIRD_PARTIES:
        importlib.import_module(name)
    some, why = drawn(given.modules, given.each, given.seed), explained()
    known = try_all(given.folder, some, given.seconds, given.tests)
    count = Counter()
    for mutant in some:
        verdict, room = known[mutant.name], mutant.module.split(".")[1]
        kind = "killed" if verdict not in ("", "not reached") else "explained" if mutant.name in why else "survived"
        count[room, kind] += 1
        if kind == "survived":
            print(f"{mutant.name} (line {mutant.line})")
    for room in dict.fromkeys(room for room, _ in count):
        print(room, *(f"{count[room, kind]} {kind}" for kind in ("killed", "explained", "survived")), sep="  ")
    return 1 if any(kind == "survived" for _, kind in count) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
