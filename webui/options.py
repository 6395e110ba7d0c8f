"""The command line of ``python -m webui``, with sd-webui's names where they exist.

Standard library only: launch.py reads the options before anything is installed, so a mistyped flag costs no download.
"""

from __future__ import annotations

import argparse
import difflib
import ipaddress
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

PROGRAM = Path(__file__).resolve().parent.parent

# Flags of sd-webui and Forge that have nothing left to switch: what they ask for is how this program always works.
ALREADY_SO = frozenset({
    "--api", "--do-not-download-clip", "--gradio-queue", "--no-download-sd-model", "--opt-sdp-attention",
    "--skip-python-version-check", "--skip-torch-cuda-test", "--skip-version-check",
})  # fmt: skip

# Flags of theirs under another name here: people copy old command lines.
INSTEAD: Mapping[str, str] = {
    "--api-auth": "--gradio-auth",
    "--models-dir": "--data-dir",
    "--reinstall-xformers": "--reinstall",
    "--skip-prepare-environment": "--skip-install",
}

# Flags of theirs that are not here (yet).
NOT_YET = """
--administrator --allow-code --always-batch-cond-uncond --always-cpu --always-gpu --always-high-vram
--always-low-vram --always-no-vram --always-normal-vram --always-offload-from-vram --api-log --api-server-stop
--attention-pytorch --attention-quad --attention-split --bsrgan-models-path --clip-in-bf16 --clip-in-fp16
--clip-in-fp32 --clip-in-fp8-e4m3fn --clip-in-fp8-e5m2 --clip-models-path --codeformer-models-path --config
--cors-allow-origins --cors-allow-origins-regex --cuda-malloc --cuda-stream --dat-models-path --deepdanbooru
--directml --disable-all-extensions --disable-console-progressbars --disable-extra-extensions --disable-gpu-warning
--disable-ipex-optimize --disable-model-loading-ram-optimization --disable-nan-check --disable-opt-split-attention
--disable-safe-unpickle --disable-tls-verify --disable-xformers --dump-sysinfo --enable-console-prompts
--enable-insecure-extension-access --filenames-max-length --force-channels-last --force-enable-xformers
--forge-ref-a1111-home --forge-ref-comfy-home --freeze-settings --freeze-settings-in-sections
--freeze-specific-settings --gfpgan-dir --gfpgan-model --gfpgan-models-path --gradio-allowed-path --gradio-debug
--gradio-img2img-tool --gradio-inpaint-tool --hide-ui-dir-config --hypernetwork-dir --localizations-dir
--log-startup --loglevel --lowram --lowvram --lyco-dir --max-batch-count --medvram --medvram-sdxl --ngrok
--ngrok-options --ngrok-region --no-gradio-queue --no-half --no-half-vae --no-hashing --no-progressbar-hiding
--no-prompt-history --nowebui --opt-channelslast --opt-sdp-no-mem-attention --opt-split-attention
--opt-split-attention-invokeai --opt-split-attention-v1 --opt-sub-quad-attention --pin-shared-memory --precision
--realesrgan-models-path --server-path --show-negative-prompt --skip-load-model-at-start
--sub-quad-chunk-threshold --sub-quad-kv-chunk-size --sub-quad-q-chunk-size --test-server
--textual-inversion-templates-dir --timeout-keep-alive --tls-certfile --tls-keyfile --ui-config-file --ui-debug-mode
--ui-settings-file --unet-in-bf16 --unet-in-fp16 --unet-in-fp8-e4m3fn --unet-in-fp8-e5m2
--unix-filenames-sanitization --unload-gfpgan --update-all-extensions --update-check --upcast-sampling --use-ipex
--use-textbox-seed --vae-in-bf16 --vae-in-cpu --vae-in-fp16 --vae-in-fp32 --xformers --xformers-flash-attention
"""

TEXTS: Mapping[str, tuple[str, str]] = {
    "not_yet": ("{flag} is a known sd-webui flag that this program does not have yet; remove it to start",
                "{flag} 是 sd-webui 的参数，本程序目前还没有；去掉它即可启动"),
    "instead": ("{flag} does not exist here; use {other} instead", "这里没有 {flag}，请改用 {other}"),
    "unknown": ("unknown option {flag}; did you mean {names}?", "未知参数 {flag}；是不是想写 {names}？"),
    "unknown_alone": ("unknown option {flag}; see --help", "未知参数 {flag}；请看 --help"),
    "password": ("{flag} lets other machines in, so it needs a password: add --gradio-auth NAME:PASSWORD",
                 "{flag} 会让其他机器访问，必须设密码：请加上 --gradio-auth 用户名:密码"),
    "auth": ("{flag}: expected NAME:PASSWORD, several separated by commas", "{flag}：应为 用户名:密码，多个用逗号分隔"),
    "auth_file": ("--gradio-auth-path: cannot read {path} ({why})", "--gradio-auth-path：无法读取 {path}（{why}）"),
    "no_folder": ("{flag}: no such folder: {path}", "{flag}：没有这个文件夹：{path}"),
    "no_file": ("--ckpt: no such file: {path}", "--ckpt：没有这个文件：{path}"),
    "data_dir": ("--data-dir: {path} is a file; name a folder", "--data-dir：{path} 是文件，请给出文件夹"),
    "port": ("--port: {port} is not between 1 and 65535", "--port：{port} 不在 1 到 65535 之间"),
    "device": ("--device-id: {value} is not a number from 0 up", "--device-id：{value} 不是从 0 开始的编号"),
    "use_cpu": ("--use-cpu: only 'all' exists yet, not {value}", "--use-cpu：目前只有 all，还没有 {value}"),
    "subpath": ("--subpath: {value} may hold letters, digits, '-', '_', '.' and '/' only",
                "--subpath：{value} 只能含字母、数字、“-”“_”“.”和“/”"),
}  # fmt: skip


USAGE = """python launch.py [flags]             set up if needed, then serve the page
       python launch.py setup [flags]       set up only
       python launch.py test [pytest args]  run the tests
       python launch.py check               format, lint, types, import rules
       python launch.py bench NAME          a measurement
       python launch.py doctor [flags]      what is wrong with this installation, and the cure
       python launch.py explain ...         what a file is, as JSON"""


@dataclass(frozen=True)
class Options:
    """How a server was started. Nothing in here can change a picture: that is what requests are for."""

    port: int = 7860
    host: str = "127.0.0.1"  # what is bound: from --listen and --server-name
    users: tuple[tuple[str, str], ...] = field(default=(), repr=False)  # (name, password); empty: no password asked
    allow_hosts: tuple[str, ...] = ()  # names beside localhost under which a browser may call us
    subpath: str = ""  # "" or "/something", for a reverse proxy
    data_dir: Path = PROGRAM
    ckpt: Path | None = None  # the checkpoint a new page starts with
    styles_file: Path | None = None  # None: styles.csv in data_dir
    ckpt_dir: tuple[Path, ...] = ()
    vae_dir: tuple[Path, ...] = ()
    lora_dir: tuple[Path, ...] = ()
    embeddings_dir: tuple[Path, ...] = ()
    esrgan_models_path: tuple[Path, ...] = ()
    use_cpu: bool = False
    device_id: int | None = None
    theme: str | None = None  # "light", "dark"; None follows the browser
    language: str | None = None  # "en", "zh-CN"; None follows the browser
    # What only launch.py looks at.
    open_browser: bool = True
    torch_index: str | None = None  # None: not said, "": pip's own configuration
    reinstall: bool = False
    reinstall_torch: bool = False
    skip_install: bool = False

    @property
    def model_folders(self) -> dict[str, tuple[Path, ...]]:
        """Further model folders, by the name of the folder under models/ that they add to."""
        return {
            "Stable-diffusion": (*self.ckpt_dir, *([self.ckpt.parent] if self.ckpt else [])),
            "VAE": self.vae_dir,
            "Lora": self.lora_dir,
            "embeddings": self.embeddings_dir,
            "ESRGAN": self.esrgan_models_path,
        }

    @property
    def url(self) -> str:
        """Where the page is for a browser on this machine."""
        host = "127.0.0.1" if self.host == "0.0.0.0" else "::1" if self.host == "::" else self.host
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}{self.subpath}/"


def system_language(environ: Mapping[str, str] = os.environ) -> str:
    """``"zh-CN"`` or ``"en"``: the language of the terminal, as the system says it."""
    name = environ.get("LC_ALL") or environ.get("LC_MESSAGES") or environ.get("LANG") or ""
    if sys.platform == "win32" and not name:
        import ctypes

        primary_language = ctypes.windll.kernel32.GetUserDefaultUILanguage() & 0x3FF
        name = "zh" if primary_language == 0x04 else ""
    return "zh-CN" if name.lower().startswith("zh") else "en"


def parse(argv: Sequence[str]) -> Options:
    """The options ``argv`` asks for. Whatever is wrong ends the program with code 2 and one line naming the cure."""
    parser = build_parser()
    given, unknown = parser.parse_known_args([arg for arg in argv if arg not in ALREADY_SO])
    if unknown:
        parser.fail_unknown(unknown[0])
    users = _users(parser, given.gradio_auth, "--gradio-auth") + _users_from(parser, given.gradio_auth_path)
    host = given.server_name or ("0.0.0.0" if given.listen else "127.0.0.1")
    reason = "--share" if given.share else "--listen" if given.listen else f"--server-name {host}"
    if (given.share or not _is_loopback(host)) and not users:
        parser.fail("password", flag=reason)
    if given.share:
        parser.fail("not_yet", flag="--share")
    return Options(
        port=_port(parser, given.port),
        host=host,
        users=users,
        allow_hosts=tuple(name.lower() for name in given.allow_host),
        subpath=_subpath(parser, given.subpath),
        data_dir=_data_dir(parser, given.data_dir),
        ckpt=_checkpoint(parser, given.ckpt),
        styles_file=given.styles_file.expanduser().resolve() if given.styles_file else None,
        ckpt_dir=_folders(parser, "--ckpt-dir", given.ckpt_dir),
        vae_dir=_folders(parser, "--vae-dir", given.vae_dir),
        lora_dir=_folders(parser, "--lora-dir", given.lora_dir),
        embeddings_dir=_folders(parser, "--embeddings-dir", given.embeddings_dir),
        esrgan_models_path=_folders(parser, "--esrgan-models-path", given.esrgan_models_path),
        use_cpu=_use_cpu(parser, given.use_cpu),
        device_id=_device_id(parser, given.device_id),
        theme=given.theme,
        language="zh-CN" if given.language == "zh" else given.language,
        open_browser=not given.no_browser,
        torch_index=given.torch_index,
        reinstall=given.reinstall,
        reinstall_torch=given.reinstall_torch,
        skip_install=given.skip_install,
    )


class Parser(argparse.ArgumentParser):
    """argparse that speaks the reader's language and ends with one line instead of a page of usage."""

    language = "en"

    def words(self, english: str, chinese: str) -> str:
        return chinese if self.language == "zh-CN" else english

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}\n")

    def fail(self, code: str, **params: object) -> NoReturn:
        self.error(self.words(*TEXTS[code]).format(**params))

    def fail_unknown(self, arg: str) -> NoReturn:
        flag = arg.partition("=")[0]
        if flag in INSTEAD:
            self.fail("instead", flag=flag, other=INSTEAD[flag])
        if flag in NOT_YET.split():
            self.fail("not_yet", flag=flag)
        ours = [name for name in self._option_string_actions if name.startswith("--")]
        nearest = difflib.get_close_matches(flag, [*ours, *NOT_YET.split()], n=3)
        self.fail("unknown" if nearest else "unknown_alone", flag=flag, names=", ".join(nearest))


def build_parser() -> Parser:
    """The parser, with help in the terminal's language."""
    parser = Parser(prog="webui", usage=USAGE, allow_abbrev=False, add_help=False)
    parser.language = system_language()
    _add_setup(parser)
    _add_server(parser)
    _add_folders(parser)
    _add_device_and_page(parser)
    return parser


def _adder(parser: Parser, english: str, chinese: str) -> Any:
    group = parser.add_argument_group(parser.words(english, chinese))

    def add(flags: str, english: str, chinese: str, **kwargs: Any) -> None:
        group.add_argument(*flags.split(), help=parser.words(english, chinese), **kwargs)

    return add


def _add_server(parser: Parser) -> None:
    add = _adder(parser, "server", "服务器")
    add(
        "--port",
        "port of the page and the API (default 7860)",
        "页面与 API 的端口（默认 7860）",
        default="7860",
    )
    add(
        "--listen",
        "let other machines in (needs --gradio-auth)",
        "允许其他机器访问（需要 --gradio-auth）",
        action="store_true",
    )
    add("--server-name", "address to bind instead of 127.0.0.1", "绑定的地址，默认 127.0.0.1", metavar="ADDRESS")
    add(
        "--gradio-auth",
        "password for page and API; several with commas",
        "页面和 API 的密码，多个用逗号分隔",
        metavar="NAME:PASSWORD",
    )
    add("--gradio-auth-path", "file with NAME:PASSWORD lines", "每行一个 用户名:密码 的文件", type=Path, metavar="FILE")
    add("--allow-host", "host name browsers may use to reach us (repeatable)", "浏览器可用的主机名（可重复）",
        action="append", default=[], metavar="NAME")  # fmt: skip
    add("--subpath", "path prefix behind a reverse proxy", "反向代理下的路径前缀", default="", metavar="PATH")
    add("--share", argparse.SUPPRESS, argparse.SUPPRESS, action="store_true")  # known, so that its refusal is exact
    add("--api", "accepted; the API is always on", "接受该参数；API 始终开启", action="store_true")


def _add_setup(parser: Parser) -> None:
    add = _adder(parser, "set-up, by launch.py", "安装（由 launch.py 处理）")
    add(
        "--torch-index",
        "where torch comes from (also: TORCH_INDEX_URL)",
        "torch 的来源（也可用环境变量 TORCH_INDEX_URL）",
        default=os.environ.get("TORCH_INDEX_URL") or None,
        metavar="URL",
    )
    add(
        "--reinstall-torch",
        "install torch again, for this machine as it is now",
        "按本机现状重装 torch",
        action="store_true",
    )
    add("--reinstall", "make the whole environment again", "重建整个 Python 环境", action="store_true")
    add("--skip-install", "start without looking at the environment", "不检查环境，直接启动", action="store_true")


def _add_folders(parser: Parser) -> None:
    add = _adder(parser, "folders (repeat a flag for several)", "文件夹（同一参数可重复）")
    add("--data-dir", "where models/, outputs/ and data/ lie (default: beside launch.py)",
        "models/、outputs/、data/ 所在之处（默认与 launch.py 同处）",
        type=Path, default=PROGRAM, metavar="DIR")  # fmt: skip
    add("--ckpt", "checkpoint a new page starts with", "新页面使用的模型文件", type=Path, metavar="FILE")
    add("--styles-file", "the prompt styles (default: styles.csv in the data folder)",
        "预设样式文件（默认为数据文件夹中的 styles.csv）", type=Path, metavar="FILE")  # fmt: skip
    for flag, english, chinese in (
        ("--ckpt-dir", "more checkpoints", "更多模型"),
        ("--vae-dir", "more VAEs", "更多 VAE"),
        ("--lora-dir", "more LoRAs", "更多 LoRA"),
        ("--embeddings-dir", "more embeddings", "更多 embedding"),
        ("--esrgan-models-path", "more upscalers", "更多放大模型"),
    ):
        add(flag, english, chinese, type=Path, action="append", default=[], metavar="DIR")


def _add_device_and_page(parser: Parser) -> None:
    add = _adder(parser, "device", "设备")
    add("--use-cpu", "compute on the CPU", "使用 CPU 计算", nargs="*", metavar="all")
    add("--device-id", "which GPU, counted from 0", "使用第几块显卡，从 0 数起", metavar="N")
    add = _adder(parser, "page", "页面")
    add(
        "--theme",
        "colours of the page (default: as the browser)",
        "页面配色（默认随浏览器）",
        choices=["light", "dark"],
    )
    add(
        "--language",
        "language of the page (default: as the browser)",
        "页面语言（默认随浏览器）",
        choices=["en", "zh", "zh-CN"],
    )
    add(
        "--autolaunch",
        "accepted; the browser opens by itself",
        "接受该参数；浏览器本来就会自动打开",
        action="store_true",
    )
    add("-h --help", "show this and end", "显示本说明并退出", action="help")
    add("--no-browser", "do not open the browser", "不打开浏览器", action="store_true")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _users(parser: Parser, text: str | None, flag: str) -> tuple[tuple[str, str], ...]:
    pairs = [part.strip().partition(":") for part in (text or "").split(",") if part.strip()]
    if text is not None and (not pairs or not all(name and password for name, _, password in pairs)):
        parser.fail("auth", flag=flag)  # without the text: it holds passwords
    return tuple((name, password) for name, _, password in pairs)


def _users_from(parser: Parser, path: Path | None) -> tuple[tuple[str, str], ...]:
    if path is None:
        return ()
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        parser.fail("auth_file", path=path, why=getattr(error, "strerror", None) or error)
    return _users(parser, ",".join(text.splitlines()), "--gradio-auth-path")


def _port(parser: Parser, value: str) -> int:
    if not value.isdecimal() or not 1 <= int(value) <= 65535:
        parser.fail("port", port=value)
    return int(value)


def _subpath(parser: Parser, value: str) -> str:
    parts = [part for part in value.split("/") if part]
    if not all(part.isascii() and part.replace("-", "").replace("_", "").replace(".", "").isalnum() for part in parts):
        parser.fail("subpath", value=value)
    return "".join(f"/{part}" for part in parts)


def _data_dir(parser: Parser, path: Path) -> Path:
    if path.is_file():
        parser.fail("data_dir", path=path)
    return path.expanduser().resolve()


def _checkpoint(parser: Parser, path: Path | None) -> Path | None:
    if path is None:
        return None
    if not path.expanduser().is_file():
        parser.fail("no_file", path=path)
    return path.expanduser().resolve()


def _folders(parser: Parser, flag: str, paths: Sequence[Path]) -> tuple[Path, ...]:
    for path in paths:
        if not path.expanduser().is_dir():
            parser.fail("no_folder", flag=flag, path=path)
    return tuple(path.expanduser().resolve() for path in paths)


def _use_cpu(parser: Parser, modules: Sequence[str] | None) -> bool:
    others = [name for name in modules or () if name not in ("all", "sd")]
    if others:
        parser.fail("use_cpu", value=others[0])
    return modules is not None


def _device_id(parser: Parser, value: str | None) -> int | None:
    if value is not None and not value.isdecimal():
        parser.fail("device", value=value)
    return None if value is None else int(value)
