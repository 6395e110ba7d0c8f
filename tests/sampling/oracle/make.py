"""Writes ``k_diffusion.json``: k-diffusion's numbers for the runs of ``problem.py``.

    pip download k-diffusion==0.1.1.post1 --no-deps && unzip k_diffusion-*.whl
    python -m tests.sampling.oracle.make k_diffusion/sampling.py

k-diffusion is no dependency: of the package only this file is loaded, which itself needs torch, scipy, torchsde, tqdm.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import torch

from tests.sampling.oracle import problem


def load(file: Path) -> Any:
    """``sampling.py``, with the two functions it takes from elsewhere and one of them never called here."""
    package, utils, torchdiffeq = (ModuleType(name) for name in ("k_diffusion", "k_diffusion.utils", "torchdiffeq"))
    package.__path__ = []
    vars(utils)["append_dims"] = lambda x, ndim: x[(...,) + (None,) * (ndim - x.ndim)]
    vars(torchdiffeq)["odeint"] = None
    vars(package)["utils"] = utils
    sys.modules |= {"k_diffusion": package, "k_diffusion.utils": utils, "torchdiffeq": torchdiffeq}
    spec = importlib.util.spec_from_file_location("k_diffusion.sampling", file)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run(sampling: Any, case: problem.Case, dtype: str, seed: int, shape: tuple[int, ...]) -> problem.Result:
    torch.set_default_dtype(problem.DTYPES[dtype])  # that of the tolerances and of DPM fast's grid, whatever x's is
    x = problem.start(seed, shape, problem.DTYPES[dtype])
    sigmas = problem.sigmas_of(case, x.dtype)
    arguments: dict[str, Any] = {**case.options, **case.arguments, "disable": True}
    if case.sigmas.startswith("range"):
        arguments |= {"sigma_min": sigmas[-1], "sigma_max": sigmas[0]}
        arguments |= {"return_info": True} if case.function == "sample_dpm_adaptive" else {"n": len(sigmas) - 1}
    else:
        arguments["sigmas"] = torch.tensor(sigmas, dtype=x.dtype)
    if "sde" in case.function:
        arguments["noise_sampler"] = problem.brownian(seed, x)
    torch.manual_seed(seed)
    found = getattr(sampling, case.function)(lambda x, sigma: problem.mixture(x, float(sigma)), x, **arguments)
    found, info = found if isinstance(found, tuple) else (found, None)
    return problem.Result(case.name, dtype, seed, found.flatten().tolist(), info)


def schedules(sampling: Any) -> list[dict[str, Any]]:
    made = []
    for name, rhos in (("karras", [7.0, 3.0]), ("exponential", [None]), ("polyexponential", [1.0, 2.5])):
        for rho in rhos:
            for n in (1, 5, 20):
                arguments = {"rho": rho} if rho else {}
                sigmas = getattr(sampling, f"get_sigmas_{name}")(n, problem.LOW, problem.HIGH, **arguments)
                made.append({"scheduler": name, "n": n, "rho": rho or 0.0, "sigmas": sigmas.tolist()})
    return made


def tree(sampling: Any) -> dict[str, Any]:
    """Noise of BrownianTreeNoiseSampler for one picture, as sd-webui makes it: a list of one seed."""
    seed, shape = 4294967291, (1, 4, 2, 3)
    sigmas = [problem.HIGH, 9.5, 2.25, 2.2, 0.5, problem.LOW]
    noise = sampling.BrownianTreeNoiseSampler(torch.zeros(shape), problem.LOW, problem.HIGH, seed=[seed])
    drawn = [noise(a, b).flatten().tolist() for a, b in zip(sigmas, sigmas[1:], strict=False)]
    return {"seed": seed, "shape": shape, "sigmas": sigmas, "noise": drawn}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path, help="k-diffusion's sampling.py")
    file = parser.parse_args().file
    sampling = load(file)
    made_schedules, made_tree = schedules(sampling), tree(sampling)
    results = [
        run(sampling, case, dtype, seed, shape).stored()
        for case in problem.CASES
        for dtype in problem.DTYPES
        for seed, shape in problem.PICTURES
    ]
    provenance = {
        "implementation": "k-diffusion 0.1.1.post1 (MIT), k_diffusion/sampling.py",
        "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
        "torch": torch.__version__.split("+")[0],
        "command": "python -m tests.sampling.oracle.make k_diffusion/sampling.py",
    }
    made = {"provenance": provenance, "schedules": made_schedules, "tree": made_tree, "results": results}
    lines = json.dumps(made, indent=1, ensure_ascii=False)
    problem.FILE.write_text(_compact(lines) + "\n", encoding="utf-8")


def _compact(lines: str) -> str:
    """Numbers of a list on one line."""
    out: list[str] = []
    for line in lines.splitlines():
        text = line.strip()
        if out and (text.rstrip(",").lstrip("-").replace(".", "").replace("e-", "").isdigit() or text in ("]", "],")):
            out[-1] += text if out[-1].endswith("[") or text.startswith("]") else " " + text
        else:
            out.append(line)
    return "\n".join(out)


if __name__ == "__main__":
    main()
