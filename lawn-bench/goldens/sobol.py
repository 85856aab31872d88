"""Sobol points of scipy, and the direction numbers that they are made with.

Run from the root: .venv/bin/python lawn-bench/goldens/sobol.py
Writes lawn-bench/goldens/sobol.json (the golden) and prints the table of
lawn-bench/src/config/sobol/directions.rs. Both are exact: points are compared bit for bit.
"""

import json
import pathlib

import numpy
import scipy
from scipy.stats import _sobol, qmc

DIMENSIONS = 64
POINTS = 128
BITS = 32

sequence = qmc.Sobol(d=DIMENSIONS, scramble=False, bits=BITS)
points = (sequence.random(POINTS) * 2**BITS).astype(numpy.uint64)
golden = {
    "scipy": scipy.__version__,
    "bits": BITS,
    "points": points.tolist(),
}
path = pathlib.Path(__file__).with_suffix(".json")
path.write_text(json.dumps(golden).replace("], [", "],\n["))

# Joe and Kuo's primitive polynomials and initial m_i, as scipy carries them.
table = numpy.load(pathlib.Path(_sobol.__file__).with_name("_sobol_direction_numbers.npz"))
for polynomial, initial in zip(table["poly"][:DIMENSIONS], table["vinit"][:DIMENSIONS]):
    degree = int(polynomial).bit_length() - 1
    odd = ", ".join(str(m) for m in initial[:degree])
    print(f"    (0b{int(polynomial):b}, &[{odd}]),")
