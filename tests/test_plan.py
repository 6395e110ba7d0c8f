from __future__ import annotations

import pytest
from pydantic import ValidationError

from webui import request as requests
from webui.messages import Fault
from webui.paths import safe_path
from webui.plan import MAX_RANDOM_SEED, Texts, plan
from webui.prompt import Rules
from webui.prompt.styles import Style
from webui.prompt.wildcards import Wildcards
from webui.request import Batch, Hires, Prompts, Sampling, Seeds, Size, Txt2Img, final_size, hires_size


def test_seeds_go_up_by_one_over_rounds_and_batches() -> None:
    shots, _ = plan(Txt2Img(seeds=Seeds(seed=10), batch=Batch(count=2, size=3)))
    assert [shot.seed for shot in shots] == [10, 11, 12, 13, 14, 15]
    assert [shot.index for shot in shots] == list(range(6))


def test_minus_one_draws_a_seed_once() -> None:
    first, second = (plan(Txt2Img(batch=Batch(count=2))).shots for _ in range(2))
    assert first[0].seed != second[0].seed
    assert first[1].seed == first[0].seed + 1
    assert 0 <= first[0].seed <= MAX_RANDOM_SEED


def test_a_variation_keeps_the_seed_and_counts_the_variation_seed_up() -> None:
    seeds = Seeds(seed=5, subseed=100, subseed_strength=0.1)
    shots, _ = plan(Txt2Img(seeds=seeds, batch=Batch(count=3)))
    assert [(shot.seed, shot.subseed) for shot in shots] == [(5, 100), (5, 101), (5, 102)]
    unvaried, _ = plan(Txt2Img(seeds=Seeds(seed=5), batch=Batch(count=2)))
    assert [(shot.seed, shot.subseed) for shot in unvaried] == [(5, 5), (6, 6)]


def test_every_line_is_a_picture_of_its_own() -> None:
    prompts = Prompts(prompt="a cat\n\n  a dog\n", negative="bad", each_line=True)
    shots, _ = plan(Txt2Img(prompts=prompts, seeds=Seeds(seed=1), batch=Batch(count=2)))
    assert [shot.prompt for shot in shots] == ["a cat", "a dog", "a cat", "a dog"]
    assert [shot.seed for shot in shots] == [1, 2, 3, 4]
    assert {shot.negative for shot in shots} == {"bad"}
    (whole,), _ = plan(Txt2Img(prompts=prompts.model_copy(update={"each_line": False})))
    assert whole.prompt == prompts.prompt


def test_styles_go_to_all_prompts_and_wildcards_are_drawn_once(tmp_path) -> None:
    (tmp_path / "pet.txt").write_text("cat\ndog\n")
    texts = Texts([Style("oil", "{prompt}, oil", "photo"), Style("b", "__pet__")], Wildcards(tmp_path))
    request = Txt2Img(
        prompts=Prompts(prompt="a {big|small} __pet__, __bird__"), hires=Hires(prompt="__pet__ again"),
        seeds=Seeds(seed=3), batch=Batch(count=40),
    )  # fmt: skip
    shots, notes = plan(request, texts)
    assert plan(request, texts).shots == shots
    assert len({shot.prompt for shot in shots}) == 8
    for shot in shots:
        assert shot.prompt.endswith((", oil, cat", ", oil, dog"))
        assert shot.hires_prompt.split(" again")[0] in ("cat", "dog")
        assert (shot.negative, shot.hires_negative) == ("photo", "")
    assert [note.code for note in notes] == ["unknown_wildcard"]


def test_remarks_are_taken_out_of_everything_but_a_colour() -> None:
    prompts = Prompts(prompt="a cat # mine\n#ff8800 fur", negative="bad#not")
    request = Txt2Img(prompts=prompts, hires=Hires(prompt="big # so"))
    (shot,), _ = plan(request)
    assert (shot.prompt, shot.negative, shot.hires_prompt) == ("a cat \n#ff8800 fur", "bad\n", "big \n")
    (exact,), _ = plan(request, Texts(rules=Rules(sd_webui=True)))
    assert exact.prompt == "a cat \n"
    (kept,), _ = plan(request, Texts(rules=Rules(comments=False)))
    assert kept.prompt == prompts.prompt


def test_a_job_has_an_end() -> None:
    lines = Prompts(prompt="\n".join("ab"), each_line=True)
    with pytest.raises(Fault, match="1600"):
        plan(Txt2Img(prompts=lines, batch=Batch(count=100, size=8)))


@pytest.mark.parametrize(
    ("size", "hires", "second", "final"),
    [
        ((512, 512), {"scale": 2.0}, (1024, 1024), (1024, 1024)),
        ((512, 768), {"scale": 1.3}, (664, 992), (664, 992)),
        ((512, 768), {"width": 1000}, (1000, 1496), (1000, 1496)),
        ((512, 768), {"height": 1000}, (664, 1000), (664, 1000)),
        ((512, 512), {"width": 1024, "height": 768}, (1024, 1024), (1024, 768)),
        ((768, 512), {"width": 768, "height": 1024}, (1536, 1024), (768, 1024)),
    ],
)
def test_the_second_pass_has_the_size_that_sd_webui_gives_it(size, hires, second, final) -> None:
    request = Txt2Img(size=Size(width=size[0], height=size[1]), hires=Hires(**hires))
    assert hires_size(request) == second
    assert final_size(request) == final
    assert final_size(Txt2Img(size=Size(width=64))) == (64, 512)


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
