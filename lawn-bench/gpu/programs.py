"""Runs programs in time boxes, each in a session of its own, and keeps what they print until then."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


class Failure(Exception):
    """A program that did not end well; `lines` is what it had printed."""

    def __init__(self, says, lines=()):
        super().__init__(says)
        self.lines = list(lines)


class Box:
    """A time by which something has to be over."""

    def __init__(self, seconds, within=None):
        self.end = time.monotonic() + seconds
        if within is not None:
            self.end = min(self.end, within.end)

    def left(self):
        return self.end - time.monotonic()


class Programs:
    """The programs of a folder, and scripts by a Python that has torch."""

    def __init__(self, folder, python):
        self.folder, self.python = Path(folder).resolve(), python

    def own(self, name, *arguments):
        """The command of a program of ours."""
        # cargo puts examples into a folder beside the others.
        places = [self.folder / name, self.folder.parent / name]
        path = next((place for place in places if place.is_file()), None)
        if path is None:
            raise Failure(f"{places[0]} is not there")
        return [str(word) for word in (path, *arguments)]

    def script(self, path, *arguments):
        """The command of a script of this repository."""
        return [str(word) for word in (self.python, ROOT / path, *arguments)]


def start(command, out, environment=None):
    """Starts a program whose output goes to two files; it leads a session of its own."""
    try:
        return subprocess.Popen(
            command,
            stdout=out[0],
            stderr=out[1],
            stdin=subprocess.DEVNULL,
            cwd=ROOT,
            env={**os.environ, **(environment or {})},
            start_new_session=True,
        )
    except OSError as error:
        raise Failure(f"{command[0]}: {error}") from error


def end(process):
    """Kills a program and whatever it has started, as `kill -9` does."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()


def run(command, box, environment=None, codes=(0,)):
    """The lines that a program prints. Raises `Failure` with those until then, if its answer is
    not among `codes` or the box is over.
    """
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as error:
        seconds = box.left()
        if seconds <= 0:
            raise Failure("no time was left")
        process = start(command, (out, error), environment)
        try:
            code = process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            code = None
        finally:
            end(process)
        out.seek(0)
        lines = out.read().decode(errors="replace").splitlines()
        if code is None:
            raise Failure(f"{Path(command[0]).name} took longer than {seconds:.0f} s", lines)
        if code not in codes:
            error.seek(0)
            said = error.read().decode(errors="replace").strip().splitlines()
            raise Failure(f"{Path(command[0]).name} ended with {code}: {reason(said)}", lines)
        return lines


def reason(said):
    """The line of an error output that says most: the last of Python's, the first of a panic."""
    panics = [number for number, line in enumerate(said) if "panicked at" in line]
    if panics and panics[0] + 1 < len(said):
        return said[panics[0] + 1].strip()
    telling = [line for line in said if line.strip()]
    return telling[-1].strip() if telling else "it said nothing"


def objects(lines):
    """What is JSON among lines."""
    found = []
    for line in lines:
        try:
            found.append(json.loads(line))
        except ValueError:
            continue
    return [one for one in found if isinstance(one, dict)]


def last_object(lines):
    """The last JSON among lines."""
    found = objects(lines)
    if not found:
        raise Failure("it printed no JSON", lines)
    return found[-1]


def default_python():
    return sys.executable
