"""A command under bounds: processor time, an amount of memory, and nothing new in the folder that it works in."""

import os
import resource
import signal
from contextlib import contextmanager
from pathlib import Path

from example_files import command, working_folder

SECONDS = 5  # of the processor: a busy machine must not decide
HANG = 120  # seconds by the clock on the wall
BYTES = 2**30


class TooLate(BaseException):
    """Not an Exception, so that nothing in between takes it for an error of its own."""


@contextmanager
def bounds():
    """Let no more than `SECONDS` be computed, and no more than `BYTES` be set aside beyond what this process has."""

    def late(*_):
        raise TooLate

    taken = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    soft = resource.getrlimit(resource.RLIMIT_AS)
    before = {number: signal.signal(number, late) for number in (signal.SIGPROF, signal.SIGALRM)}
    resource.setrlimit(resource.RLIMIT_AS, (taken + BYTES, soft[1]))
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    signal.setitimer(signal.ITIMER_REAL, HANG)
    try:
        yield
    finally:
        for timer in (signal.ITIMER_PROF, signal.ITIMER_REAL):
            signal.setitimer(timer, 0)
        resource.setrlimit(resource.RLIMIT_AS, soft)
        for number, handler in before.items():
            signal.signal(number, handler)


def contents(folder):
    """Names, sizes and times of change of all that lies in a folder."""
    return {str(p.relative_to(folder)): (p.lstat().st_size, p.lstat().st_mtime_ns) for p in Path(folder).rglob("*")}


def assert_refused(words, folder, said="", status=2):
    """A command ends with the status and one message that says what was found and how to mend it, and leaves nothing.

    Of an option too many or an argument too few the usage is told in place of what was found.
    """
    before = contents(folder)
    with working_folder(folder), bounds():
        done = command(*words)
    assert isinstance(done.exception, SystemExit), f"{done.exception!r} {done.stderr}"
    assert done.exit_code == status, done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    heads = [line.partition(":")[0].strip() for line in done.stderr.splitlines()]
    assert heads.count("Error") == 1
    assert heads.count("found") + heads.count("usage") == heads.count("fix") == 1, done.stderr
    assert said.lower() in done.stderr.lower(), done.stderr
    assert len(done.stderr) < 3000
    assert contents(folder) == before
