"""The solvers: one file each, found by ``kinds.samplers``. Order as in sd-webui's list.

Each steps dx/dσ = (x − x0)/σ from σ = sigmas[0] down to sigmas[-1]. They combine arrays with floats and need no torch.
To add one: a ``kinds.Run`` and a ``kinds.Sampler`` in a new file here, its order of convergence in ``tests/sampling``.
"""
