from __future__ import annotations

import pytest
from pydantic import ValidationError

from webui import request as requests
from webui.paths import safe_path
from webui.plan import MAX_RANDOM_SEED, plan
from webui.request import Batch, Prompts, Sampling, Seeds, Size, Txt2Img


def test_seeds_go_up_by_one_over_rounds_and_batches() -> None:
    shots = plan(Txt2Img(seeds=Seeds(seed=10), batch=Batch(count=2, size=3)))
    assert [shot.seed for shot in shots] == [10, 11, 12, 13, 14, 15]
    assert [shot.index for shot in shots] == list(range(6))


def test_minus_one_draws_a_seed_once() -> None:
    first, second = (plan(Txt2Img(batch=Batch(count=2))) for _ in range(2))
    assert first[0].seed != second[0].seed
    assert first[1].seed == first[0].seed + 1
    assert 0 <= first[0].seed <= MAX_RANDOM_SEED


def test_a_request_survives_storage() -> None:
    request = Txt2Img(prompts=Prompts(prompt="雪 \ud800"), sampling=Sampling(eta=0.5), size=Size(width=256))
    assert requests.load(request.model_dump_json()) == request


@pytest.mark.parametrize(
    ("part", "values"),
    [
        (Sampling, {"steps": 0}),
        (Sampling, {"steps": True}),
        (Sampling, {"steps": 1.5}),
        (Sampling, {"cfg_scale": float("nan")}),
        (Sampling, {"cfg_scale": float("inf")}),
        (Sampling, {"cfg_scale": -1}),
        (Size, {"width": 65}),
        (Size, {"height": 16384}),
        (Batch, {"size": 10000}),
        (Seeds, {"seed": -2}),
        (Seeds, {"rng": "dice"}),
        (Prompts, {"prompt": "x" * 20_001}),
        (Prompts, {"promt": "x"}),
    ],
)
def test_nonsense_is_refused(part: type, values: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        part(**values)


def test_numbers_as_clients_send_them_are_taken() -> None:
    assert Sampling.model_validate({"steps": "5", "cfg_scale": 7}).steps == 5
    assert Sampling.model_validate({"steps": 5.0}).steps == 5


def test_paths_stay_in_their_folders(tmp_path) -> None:
    inside = tmp_path / "in"
    inside.mkdir()
    (inside / "link").symlink_to("/etc")
    assert safe_path(inside / "a.png", [inside]) == inside / "a.png"
    for path in (inside / "../x", inside / "link/passwd", "/etc/passwd", "a\0b"):
        with pytest.raises(Exception, match="does not lie"):
            safe_path(path, [inside])
