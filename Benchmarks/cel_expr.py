#!/usr/bin/env python3
"""cel_expr.py: what Google's CEL in C++ takes for the expression that `microbench cel` begins with, called from Python.

Installs cel-expr-python into .build/bench/cel. A call from Python into C++ and the conversion of the record's fields are part of
the figure, so an expression that does nothing is timed beside it. Exit status: 0 printed, 1 it can't be installed here.
"""
import subprocess
import sys
import timeit
import venv
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[1] / ".build/bench/cel"
PACKAGE = "cel-expr-python==0.1.3"
EXPRESSIONS = ["message.unit_price > 100.0 && message.country in ['DE', 'FR']", "true"]
MESSAGE = {"unit_price": 129.95, "country": "DE"}


def measure():
    from cel_expr_python import cel
    environment = cel.NewEnv(variables={"message": cel.Type.Map(cel.Type.STRING, cel.Type.DYN)})
    for expression in EXPRESSIONS:
        program = environment.compile(expression)
        assert program.eval(data={"message": MESSAGE}).value() is True
        rounds = timeit.repeat(lambda: program.eval(data={"message": MESSAGE}), number=20_000, repeat=7)
        print(f"{expression:64} {min(rounds) / 20_000 * 1e9:9.0f} ns")


def main():
    python = FOLDER / "bin/python"
    if Path(sys.executable) != python:
        if not python.exists():
            venv.create(FOLDER, with_pip=True)
        if subprocess.run([python, "-m", "pip", "-q", "install", PACKAGE]).returncode:
            sys.exit(f"cel_expr.py: {PACKAGE} can't be installed here")
        sys.exit(subprocess.run([python, __file__]).returncode)
    measure()


if __name__ == "__main__":
    main()
