"""``python -m bench.samplers``: how far every sampler ends from its oracle, in single and in double precision.

The oracles are those of the tests: k-diffusion's stored numbers, the papers' formulas and diffusers' schedulers. A row
is a sampler and an oracle, with the largest difference in all their cases, relative to the largest number of a result.
Fails when one is above the bar in single precision, or a sampler has no oracle.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator

import torch

from tests.sampling import test_k_diffusion as k_diffusion
from tests.sampling.oracle import problem
from tests.sampling.oracle_papers.cases import CASES
from webui.sampling.kinds import samplers

BAR = 1e-5


def differences() -> Iterator[tuple[str, str, str, float]]:
    """(sampler, oracle, precision, difference) of every case."""
    k_diffusions = problem.stored()["provenance"]["implementation"].partition(" (")[0]
    for result in problem.results():
        found, _ = k_diffusion.ours(result)
        sampler = k_diffusion.CASES[result.name].sampler
        yield sampler, k_diffusions, result.dtype, problem.difference(found, result.x)
    for case in CASES:
        for name, dtype in problem.DTYPES.items():
            yield case.sampler, case.source, name, case.difference(dtype)


def rows() -> dict[tuple[str, str], dict[str, float]]:
    """The largest difference in each precision, by sampler and oracle, in the samplers' own order."""
    found: dict[tuple[str, str], dict[str, float]] = {}
    for sampler, oracle, precision, difference in differences():
        row = found.setdefault((sampler, oracle), dict.fromkeys(problem.DTYPES, 0.0))
        row[precision] = max(row[precision], difference)
    places = list(samplers())
    return dict(sorted(found.items(), key=lambda row: places.index(row[0][0])))


def main() -> None:
    argparse.ArgumentParser(
        prog="python -m bench.samplers", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    ).parse_args()
    torch.set_num_threads(1)
    found = rows()
    print(f"{'sampler':20}{'oracle':28}{'single':>10}{'double':>10}")
    for (sampler, oracle), row in found.items():
        print(f"{sampler:20}{oracle:28}{row['float32']:10.1e}{row['float64']:10.1e}")
    lacking = samplers().keys() - {sampler for sampler, _ in found}
    worst = max(row["float32"] for row in found.values())
    print(f"{len(samplers())} samplers, largest difference {worst:.1e} (bar {BAR:.0e})")
    if lacking or worst > BAR:
        sys.exit(f"without an oracle: {', '.join(sorted(lacking))}" if lacking else "above the bar")


if __name__ == "__main__":
    main()
