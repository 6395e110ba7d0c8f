"""`python -m starter.measure`: how good the exported model is, in figures.

The autoencoder by decibels on pictures it never saw. The denoiser by a judge: a small classifier trained on drawn
pictures (not on the model's), which is asked what it sees in pictures made from prompts with new seeds.
"""

import argparse
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from starter import data, models, sample, sheet, things, train_vae
from starter.export import FILE
from starter.settings import Settings

PLACED = {"ocean": "on the ocean", "mountains": "in the mountains", "desert": "in the desert"}
PLACED |= {"meadow": "in a meadow", "snow": "in the snow"}
TIMED = {"sunset": "at sunset", "sunrise": "at sunrise", "day": "on a sunny day", "night": "at night"}
TIMED |= {"storm": "in a storm"}
NAMES = {"balloon": "hot air balloon"}


def judge_network() -> nn.Sequential:
    """Pictures (B, 3, 64, 64) -> logits of all answers (B, 28)."""
    outputs = sum(len(names) for names in models.QUESTIONS.values())
    layers: list[nn.Module] = []
    for wide, (before, after) in enumerate([(3, 32), (32, 64), (64, 96), (96, 128)]):
        layers += [nn.Conv2d(before, after, 3, padding=1), nn.BatchNorm2d(after), nn.ReLU()]
        layers += [nn.MaxPool2d(2)] if wide < 4 else []
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(128 * 16, 256), nn.ReLU(), nn.Linear(256, outputs))


def train_judge(work: Path, settings: Settings, steps: int) -> nn.Sequential:
    """On pictures blurred at random, for the judge must not mind the blur of the decoder."""
    torch.manual_seed(settings.seed)
    pictures = torch.tensor(data.pictures(work, settings)[: settings.pictures - settings.held_out, ::2, ::2])
    right = models.answers(len(pictures))
    judge = judge_network()
    optimizer = torch.optim.AdamW(judge.parameters(), lr=2e-3, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 2e-3, total_steps=steps)
    for step in range(steps):
        index = torch.randint(len(pictures), (64,))
        x = pictures[index].permute(0, 3, 1, 2).float() / 255
        small = F.interpolate(x, scale_factor=0.5, mode="area")
        blurred = F.interpolate(small, scale_factor=2.0, mode="bilinear")
        x = torch.lerp(x, blurred, torch.rand(64, 1, 1, 1))
        loss = models.question_loss(judge(x), right[index])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        if step % 100 == 99:
            print(f"judge {step + 1}/{steps} loss {loss.item():.3f}", flush=True)
    return judge.eval()


@torch.no_grad()
def judged(judge: nn.Module, pictures: Tensor) -> dict[str, list[str]]:
    """What the judge sees in pictures (B, 3, H, W) in [0, 1]: {question: [answer for each picture]}."""
    logits = judge(F.interpolate(pictures, (64, 64), mode="area"))
    parts = logits.split([len(names) for names in models.QUESTIONS.values()], dim=1)
    found = zip(models.QUESTIONS.items(), parts, strict=True)
    return {question: [names[i] for i in part.argmax(1).tolist()] for (question, names), part in found}


def questions() -> Iterator[tuple[str, dict[str, str]]]:
    """Prompts and the right answers, spread over all things, colours, places and times."""
    colors, times, places = tuple(things.COLORS), tuple(TIMED), ("mountains", "desert", "meadow", "snow")
    number = 0
    while True:
        thing = tuple(things.DRAW)[number % 5]
        place = "ocean" if thing == "boat" else places[number // 5 % 4]
        color, time = colors[number % 9], times[number // 2 % 5]
        where = f"over {PLACED[place].split(' ', 1)[1]}" if thing == "balloon" else PLACED[place]
        text = f"a {color} {NAMES.get(thing, thing)} {where} {TIMED[time]}"
        yield text, {"thing": thing, "color": color, "place": place, "time": time}
        number += 1


def hit_rates(judge: nn.Module, parts: sample.Parts, count: int, steps: int) -> dict[str, float]:
    """The share of pictures in which the judge sees what the prompt asked for."""
    asked = list(islice(questions(), count))
    hits: dict[str, int] = dict.fromkeys(("thing", "color", "place", "time", "all"), 0)
    for start in range(0, count, 6):
        block = asked[start : start + 6]
        seeds = [10_000 + start + i for i in range(len(block))]
        seen = judged(judge, sample.pictures(parts, [text for text, _ in block], seeds, steps=steps))
        for i, (_, right) in enumerate(block):
            correct = {question: seen[question][i] == answer for question, answer in right.items()}
            for question, hit in correct.items():
                hits[question] += hit
            hits["all"] += all(correct.values())
    return {question: number / count for question, number in hits.items()}


def boats(judge: nn.Module, parts: sample.Parts, out: Path, steps: int) -> dict[str, list[str]]:
    """The colour the judge sees in red and in blue boats, over ten seeds each, and a sheet of them."""
    drawn, colors = [], {}
    for text in ("a red boat on the sea at sunset", "a blue boat on the ocean during the day, clouds"):
        pictures = sample.pictures(parts, [text] * 10, list(range(10)), steps=steps)
        seen = judged(judge, pictures)
        colors[text] = [f"{c} {t}" for c, t in zip(seen["color"], seen["thing"], strict=True)]
        drawn.append(pictures)
    sheet.tile(torch.cat(drawn), 10).save(out)
    return colors


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, default=Path("starter/work"))
    parser.add_argument("--file", type=Path, default=FILE)
    parser.add_argument("--pictures", type=int, default=90)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--judge-steps", type=int, default=500)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    settings = Settings()
    saved = options.work / "judge.pt"
    if saved.exists():
        judge = judge_network()
        judge.load_state_dict(torch.load(saved))
        judge.eval()
    else:
        judge = train_judge(options.work, settings, options.judge_steps)
        torch.save(judge.state_dict(), saved)
    parts = sample.load(options.file)
    held_out = train_vae.to_tensor(data.held_out(options.work, settings))
    right = models.answers(settings.pictures)[-settings.held_out :]
    seen = judged(judge, held_out.add(1).div(2))
    for i, (question, names) in enumerate(models.QUESTIONS.items()):
        pairs = [(names[int(a)], b) for a, b in zip(right[:, i], seen[question], strict=True) if a >= 0]
        print(f"judge on drawn pictures: {question} {sum(a == b for a, b in pairs) / len(pairs):.3f}", flush=True)
    print(f"PSNR {train_vae.measure_psnr(parts.vae, held_out[:64]):.2f} dB", flush=True)
    for text, colors in boats(judge, parts, options.work / "boats.png", options.steps).items():
        print(f"{text}: {', '.join(colors)}", flush=True)
    for question, rate in hit_rates(judge, parts, options.pictures, options.steps).items():
        print(f"{question}: {rate:.2f} of {options.pictures}", flush=True)


if __name__ == "__main__":
    main()
