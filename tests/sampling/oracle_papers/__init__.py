"""What the papers and their authors' programs say of the samplers that k-diffusion does not have.

``textbook`` writes the papers' formulas in x_t and ᾱ, as they are printed; ``libraries`` runs diffusers' schedulers.
Our samplers work in x and σ, so none of their arithmetic is shared. ``cases`` compares them: the tests run all of it,
and ``bench.samplers`` prints how far apart they are.
"""
