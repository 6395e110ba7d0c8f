"""Says what is wrong with an installation and how to cure it: ``python launch.py doctor``.

Standard library only, and torch is asked in a child process: it has to work when everything else does not.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from webui import options
from webui.install import environment as environments
from webui.install import machine
from webui.install.environment import Environment

NEEDED_GB = 8.0  # of disk, for an installation from nothing; CUDA builds are the largest
SPARE_GB = 2.0  # below this, pictures and the database are soon in trouble
MODEL_FILE = ".safetensors"

TEXTS = {
    "python": ("Python {version}", "Python {version}"),
    "python_new": ("Python {version} is newer than what is tested", "Python {version} 比测试过的版本新"),
    "python_new.cure": ("if something fails, use Python 3.11 to 3.14", "如有问题，请用 Python 3.11 至 3.14"),
    "environment": ("environment {venv}", "环境 {venv}"),
    "environment_bad": ("environment {venv}: {reason}", "环境 {venv}：{reason}"),
    "environment_bad.cure": ("python launch.py setup", "python launch.py setup"),
    "versions": ("{count} packages as in constraints.txt", "{count} 个包与 constraints.txt 一致"),
    "versions_bad": ("not the tested versions: {names}", "与测试过的版本不同：{names}"),
    "versions_bad.cure": ("python launch.py --reinstall", "python launch.py --reinstall"),
    "torch": ("torch {version} computes on {device}{name}", "torch {version} 使用 {device}{name} 计算"),
    "torch_cpu": (
        "torch {version} computes on the CPU, but there is {machine} hardware",
        "torch {version} 只用 CPU 计算，但本机有 {machine} 硬件",
    ),
    "torch_cpu.cure": (
        "renew the driver, then python launch.py --reinstall-torch [--torch-index URL]",
        "更新驱动，然后运行 python launch.py --reinstall-torch [--torch-index 网址]",
    ),
    "torch_bad": ("torch does not start: {why}", "torch 无法启动：{why}"),
    "torch_bad.cure": (
        "python launch.py --reinstall; on Windows also https://aka.ms/vs/17/release/vc_redist.x64.exe",
        "python launch.py --reinstall；Windows 还需 https://aka.ms/vs/17/release/vc_redist.x64.exe",
    ),
    "disk": ("{free:.0f} GB free in {folder}", "{folder} 剩余 {free:.0f} GB"),
    "disk_low": ("only {free:.1f} GB free in {folder}", "{folder} 只剩 {free:.1f} GB"),
    "disk_low.cure": ("make room, or use --data-dir on another disk", "请清理，或用 --data-dir 换一个磁盘"),
    "read_only": ("cannot write in {folder}", "无法写入 {folder}"),
    "read_only.cure": ("change its permissions, or use --data-dir", "更改权限，或使用 --data-dir"),
    "models": ("{count} checkpoints in {folders}", "{folders} 中有 {count} 个模型"),
    "no_models": ("no checkpoint in {folders}", "{folders} 中没有模型"),
    "no_models.cure": ("put a .safetensors file there", "请放入 .safetensors 文件"),
    "port": ("port {port} is free", "端口 {port} 空闲"),
    "page": ("the page answers at {url} ({ms:.0f} ms)", "页面 {url} 有响应（{ms:.0f} 毫秒）"),
    "port_taken": ("port {port} is held by {holder}", "端口 {port} 被{holder}占用"),
    "port_taken.cure": ("stop that program, or start with --port {other}", "关闭该程序，或用 --port {other} 启动"),
    "somebody": ("another program", "另一个程序"),
    "well": ("Nothing to cure.", "没有需要处理的问题。"),
    "ill": ("{count} to cure.", "有 {count} 项需要处理。"),
}
MARKS = {"ok": "ok  ", "warn": "WARN", "fail": "FAIL"}


class Finding(NamedTuple):
    level: str  # "ok", "warn", "fail"
    code: str
    params: dict[str, object]


def run(given: options.Options, environment: Environment) -> int:
    """Print every finding as it is made; 1 if something keeps the program from working, else 0."""
    levels = []
    for level, code, params in examine(given, environment):
        levels.append(level)
        print(f"{MARKS[level]} {say(code, **params)}", flush=True)
        if level != "ok":
            print(f"     -> {say(f'{code}.cure', **params)}", flush=True)
    count = len(levels) - levels.count("ok")
    print(say("ill", count=count) if count else say("well"))
    return 1 if "fail" in levels else 0


def say(code: str, **params: object) -> str:
    return TEXTS[code][options.system_language() == "zh-CN"].format(**params)


def examine(given: options.Options, environment: Environment) -> Iterator[Finding]:
    yield python()
    reason = environment.fault() or ", ".join(info.stem for info in environment.broken())
    if reason:
        yield Finding("fail", "environment_bad", {"venv": environment.folder, "reason": reason})
    else:
        yield Finding("ok", "environment", {"venv": environment.folder})
        yield versions(environment)
        yield torch(environment, wants_cpu=given.use_cpu)
    yield from disk(given.data_dir, NEEDED_GB if reason else SPARE_GB)
    yield models(given)
    yield port_and_page(given)


def python() -> Finding:
    version = sys.version.split()[0]
    return (
        Finding("warn", "python_new", {"version": version})
        if sys.version_info >= (3, 15)
        else Finding("ok", "python", {"version": version})
    )


def versions(environment: Environment) -> Finding:
    """Installed versions against constraints.txt; torch's local part (+cpu, +cu130) does not count."""
    lines = environments.CONSTRAINTS.read_text(encoding="utf-8").splitlines()
    pinned = {plain(name): version for name, _, version in (line.partition("==") for line in lines) if version}
    found = importlib.metadata.distributions(path=[str(environment.site)])
    installed = {plain(one.name): one.version.partition("+")[0] for one in found}
    other = [f"{name} {installed[name]} ({pinned[name]})" for name in sorted(pinned.keys() & installed.keys())
             if installed[name] != pinned[name]]  # fmt: skip
    if other:
        return Finding("warn", "versions_bad", {"names": ", ".join(other)})
    return Finding("ok", "versions", {"count": len(pinned.keys() & installed.keys())})


def plain(name: str) -> str:
    """A package's name as the index compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def torch(environment: Environment, wants_cpu: bool) -> Finding:
    try:
        result = environment.run("-c", machine.TORCH_PROBE, capture_output=True, timeout=120)
    except subprocess.TimeoutExpired:
        return Finding("fail", "torch_bad", {"why": "no answer within 120 s"})
    if result.returncode:
        return Finding("fail", "torch_bad", {"why": (result.stderr.strip().splitlines() or ["?"])[-1]})
    about = json.loads(result.stdout)
    about["name"] = about["name"] and f" ({about['name']})"
    card = machine.this_machine().name
    if about["device"] == "cpu" and card in ("NVIDIA", "AMD") and not wants_cpu:
        return Finding("warn", "torch_cpu", {**about, "machine": card})
    return Finding("ok", "torch", about)


def disk(folder: Path, wanted_gb: float) -> Iterator[Finding]:
    there = next(parent for parent in (folder, *folder.parents) if parent.is_dir())
    free = shutil.disk_usage(there).free / 1e9
    yield Finding("ok" if free >= wanted_gb else "warn", "disk" if free >= wanted_gb else "disk_low",
                  {"free": free, "folder": there})  # fmt: skip
    if not os.access(there, os.W_OK):
        yield Finding("fail", "read_only", {"folder": there})


def models(given: options.Options) -> Finding:
    """Checkpoints, by a plain look: which of them can be loaded is for ``explain model`` and the page to say."""
    roots = dict.fromkeys((given.data_dir, options.PROGRAM))
    folders = [*given.ckpt_dir, *(path for root in roots for path in root.glob("[Mm]odels/[Ss]table-[Dd]iffusion"))]
    count = sum(file.suffix == MODEL_FILE for folder in folders for file in folder.rglob("*"))
    shown = ", ".join(map(str, folders)) or str(given.data_dir / "models" / "Stable-diffusion")
    return Finding("ok" if count else "warn", "models" if count else "no_models", {"count": count, "folders": shown})


def port_and_page(given: options.Options) -> Finding:
    with socket.socket() as probe:
        probe.settimeout(2)
        if probe.connect_ex(("127.0.0.1", given.port)) != 0:
            return Finding("ok", "port", {"port": given.port})
    begun = time.monotonic()
    if is_our_page(given.url):
        return Finding("ok", "page", {"url": given.url, "ms": (time.monotonic() - begun) * 1000})
    holder = port_holder(given.port) or say("somebody")
    return Finding("warn", "port_taken", {"port": given.port, "holder": holder, "other": given.port + 1})


def is_our_page(url: str) -> bool:
    """Whether /healthz answers as ours; asking for a password counts, since that is all a guarded server says."""
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(f"{url}healthz", timeout=10) as answer:
            return answer.headers.get_content_type() == "application/json"
    except urllib.error.HTTPError as error:
        return error.code == 401
    except OSError:
        return False


def port_holder(port: int) -> str:
    """``"PID 123 (name)"`` of who listens, where the system tells us; otherwise ""."""
    if sys.platform == "win32":
        ways = [(["netstat", "-ano", "-p", "TCP"], rf":{port} .*LISTENING +(?P<pid>\d+)(?P<name>)")]
    else:
        ways = [
            (["ss", "-Hltnp", f"sport = :{port}"], r'\("(?P<name>[^"]+)",pid=(?P<pid>\d+)'),
            (["lsof", "-nP", f"-iTCP:{port}", "-sTCP:LISTEN", "-Fpc"], r"p(?P<pid>\d+)\nc(?P<name>.+)"),
        ]
    for command, pattern in ways:
        with contextlib.suppress(OSError, subprocess.TimeoutExpired):
            said = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False).stdout
            if found := re.search(pattern, said):
                return f"PID {found['pid']} ({found['name']})".removesuffix(" ()")
    return ""
