"""From noise to a latent: noise schedules, samplers and guidance. Knows no model and no picture.

Four things with four small interfaces: the solver (``samplers``), the sigmas it steps through (``schedulers``), what
the network's output means (``schedule.Prediction``) and guidance (``guidance``). They meet in ``run``. Only ``noise``,
``guidance`` and ``run`` import torch.
"""
