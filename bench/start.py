"""``python -m bench.start``: from the command to a prompt box one can type in, against ``import gradio`` alone.

Alternates between the two in fresh processes. The browser (CHROMIUM, or chromium on the PATH) runs before the clock
starts. Also reports when the first picture of the shipped starter model is there.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import time

from playwright.sync_api import Page, sync_playwright

from bench.txt2img import server

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking"]


def import_gradio() -> float:
    begin = time.perf_counter()
    subprocess.run([sys.executable, "-c", "import gradio"], check=True)
    return time.perf_counter() - begin


def start(page: Page) -> tuple[float, float]:
    """Seconds from starting the server to (a prompt typed, the first picture shown)."""
    begin = time.perf_counter()
    with server() as address:
        page.goto(address)
        prompt = page.locator("#field-prompts-prompt textarea")
        prompt.fill("a red boat on the sea at sunset")
        typed = time.perf_counter() - begin
        page.locator("#generate").click()
        page.locator("#stage img[src*='/images/']").first.wait_for(timeout=300_000)
        return typed, time.perf_counter() - begin


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.start")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    browser_path = os.environ.get("CHROMIUM") or shutil.which("chromium")
    imports, typed, pictures = [], [], []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path, args=FLAGS)
        for _ in range(options.rounds + 1):
            imports.append(import_gradio())
            with browser.new_context() as context:
                now = start(context.new_page())
            typed.append(now[0])
            pictures.append(now[1])
        browser.close()
    base, usable, picture = (statistics.median(values[1:]) for values in (imports, typed, pictures))  # first one: cold
    print(
        f"import gradio {base:.2f} s; prompt typed after {usable:.2f} s (bar {1.3 * base + 1:.2f} s, "
        f"ratio {usable / base:.2f}); first picture after {picture:.2f} s"
    )


if __name__ == "__main__":
    main()
