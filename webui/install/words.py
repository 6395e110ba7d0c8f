"""What is said while installing, in English and Chinese. To stderr: stdout belongs to the commands."""

from __future__ import annotations

import sys

from webui import options

TEXTS = {
    "first": (
        "Setting up: once, some minutes, mostly downloading.",
        "首次安装：仅此一次，需要几分钟，主要是下载。",
    ),
    "repair": ("Renewing the environment: {reason}.", "更新环境：{reason}。"),
    "no_python": ("its Python is gone", "其中的 Python 已不存在"),
    "no_stamp": ("the last set-up did not finish", "上次安装没有完成"),
    "changed": ("other versions are needed now", "所需的版本有变化"),
    "extras": ("{names} is not installed yet", "尚未安装 {names}"),
    "other_torch": ("another torch is asked for", "要求换一个 torch"),
    "gone": ("{name} is missing", "缺少 {name}"),
    "asked": ("as asked", "按要求"),
    "venv": ("[1/4] Python environment {venv}", "[1/4] Python 环境 {venv}"),
    "torch": (
        "[2/4] torch {version} for {machine}, from {source}",
        "[2/4] torch {version}（{machine}），来自 {source}",
    ),
    "rest": ("[3/4] everything else", "[3/4] 其余的包"),
    "look": ("[4/4] trying torch", "[4/4] 检查 torch"),
    "ready": ("      {torch}: ready after {seconds:.0f} s", "      {torch}：就绪，用时 {seconds:.0f} 秒"),
    "unpacking": ("      unpacking {now} of {count} packages", "      正在解包 {now}/{count}"),
    "loading": (
        "      {count} packages, {here:.0f} MB loaded{name}{left}",
        "      {count} 个包，已下载 {here:.0f} MB{name}{left}",
    ),
    "left": (", about {seconds:.0f} s left", "，约剩 {seconds:.0f} 秒"),
    "pips_own": ("where pip is configured to look", "pip 自己配置的来源"),
    "no_index": (
        "      {url} does not answer. Using pip's own configuration, which may\n"
        "      give a build for another device; --torch-index URL names a mirror.",
        "      {url} 没有响应。改用 pip 自己的配置，得到的可能不是\n"
        "      适合本机的版本；可用 --torch-index 网址 指定镜像。",
    ),
    "wrong_torch": (
        "      WARNING: there is {machine} hardware, but this torch computes on the CPU. To change it:\n"
        "      python launch.py --reinstall-torch [--torch-index URL]",
        "      注意：本机有 {machine} 硬件，但这个 torch 只用 CPU。更换方法：\n"
        "      python launch.py --reinstall-torch [--torch-index 网址]",
    ),
    "waiting": ("Another launch.py is installing here; waiting for it.", "另一个 launch.py 正在这里安装，等待中。"),
    "no_venv": (
        "{why}\nCannot make {venv}. On Debian and Ubuntu: sudo apt install python3-venv",
        "{why}\n无法创建 {venv}。Debian 和 Ubuntu 请运行：sudo apt install python3-venv",
    ),
    "pip": (
        "{why}\npip could not install this; all it said is in {log}. The next start goes on from here.\n"
        "No connection: connect, or name a mirror (PIP_INDEX_URL).\n"
        "No matching wheel: use Python 3.11 to 3.14; this is {python}.",
        "{why}\npip 安装失败，完整日志在 {log}。下次启动会从这里继续。\n"
        "没有网络：请联网，或指定镜像（PIP_INDEX_URL）。\n"
        "没有合适的 wheel：请用 Python 3.11 至 3.14；当前是 {python}。",
    ),
    "torch_broken": (
        "{why}\ntorch is installed but does not start. On Windows it needs the Visual C++ runtime:\n"
        "https://aka.ms/vs/17/release/vc_redist.x64.exe ; otherwise: python launch.py --reinstall",
        "{why}\ntorch 已安装但无法启动。Windows 需要 Visual C++ 运行库：\n"
        "https://aka.ms/vs/17/release/vc_redist.x64.exe ；否则请运行：python launch.py --reinstall",
    ),
    "not_ours": (
        "{venv} is there, but has no working Python and pip. Remove it, or name another folder in VENV_DIR.",
        "{venv} 已存在，但其中没有可用的 Python 和 pip。请删除它，或在 VENV_DIR 中指定别的文件夹。",
    ),
}


class Failure(Exception):
    """Something a person has to act on; the text says what."""


def say(code: str, **params: object) -> str:
    return TEXTS[code][options.system_language() == "zh-CN"].format(**params)


def tell(text: str, end: str = "\n") -> None:
    sys.stderr.write(text + end)
    sys.stderr.flush()
