"""ComfyUI: the graph it ran, as JSON in ``prompt``: {id: {"class_type", "inputs"}}, an input a value or [id, slot].

The walk goes backwards from what is saved to the sampler, and from there along its inputs. Nodes that only hand things
on are passed through; each node is visited once, so cycles and huge graphs end.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from webui.foreign.kinds import Foreign, Translated, escaped, note, object_of, written
from webui.infotext import ImageText, Parsed

SAMPLERS = {
    "euler": "Euler",
    "euler_ancestral": "Euler a",
    "heun": "Heun",
    "dpm_2": "DPM2",
    "dpm_2_ancestral": "DPM2 a",
    "lms": "LMS",
    "dpm_fast": "DPM fast",
    "dpm_adaptive": "DPM adaptive",
    "dpmpp_2s_ancestral": "DPM++ 2S a",
    "dpmpp_sde": "DPM++ SDE",
    "dpmpp_2m": "DPM++ 2M",
    "dpmpp_2m_sde": "DPM++ 2M SDE",
    "dpmpp_2m_sde_heun": "DPM++ 2M SDE Heun",
    "dpmpp_3m_sde": "DPM++ 3M SDE",
    "ddim": "DDIM",
    "uni_pc": "UniPC",
    "uni_pc_bh2": "UniPC",
    "lcm": "LCM",
    "deis": "DEIS",
    "restart": "Restart",
}
SCHEDULES = {
    "normal": "Normal",
    "karras": "Karras",
    "exponential": "Exponential",
    "sgm_uniform": "SGM Uniform",
    "simple": "Simple",
    "ddim_uniform": "DDIM",
    "beta": "Beta",
    "kl_optimal": "KL Optimal",
}
ENLARGING = {
    "nearest-exact": "Latent (nearest-exact)",
    "bilinear": "Latent",
    "bicubic": "Latent (bicubic)",
    "area": "Latent",
    "lanczos": "Lanczos",
}
SAMPLING = ("KSampler", "KSamplerAdvanced")
SAVING = ("SaveImage", "PreviewImage", "SaveImageWebsocket")
EMPTY = ("EmptyLatentImage", "EmptySD3LatentImage")
CHECKPOINTS = {"CheckpointLoaderSimple": "ckpt_name", "CheckpointLoader": "ckpt_name", "UNETLoader": "unet_name"}
# Inputs along which a thing comes through a node that hands it on, the likeliest first.
ALONG = {
    "image": ("images", "image", "pixels", "samples"),
    "latent": ("latent_image", "samples", "latent", "pixels", "image", "images"),
    "text": ("text", "string", "value", "prompt", "text_g", "STRING"),
    "number": ("value", "seed", "noise_seed", "int", "float", "number", "Number"),
    "conditioning": ("conditioning", "conditioning_to", "conditioning_1", "positive"),
    "model": ("model",),
    "clip": ("clip",),
    "vae": ("vae",),
}
MAX_STEPS = 1000  # of one walk


@dataclass(frozen=True)
class Node:
    id: str
    kind: str
    inputs: dict[str, Any]


@dataclass
class Graph:
    """``passed``: kinds of the nodes that were passed through without knowing what they do."""

    nodes: dict[str, Node]
    passed: dict[str, None] = field(default_factory=dict)

    def at(self, link: Any) -> Node | None:
        """The node that a link comes from."""
        if not isinstance(link, list) or len(link) != 2:
            return None
        return self.nodes.get(str(link[0]))

    def back(self, link: Any, what: str) -> Iterator[Node]:
        """The nodes from a link backwards, along the inputs through which ``what`` comes."""
        seen: set[str] = set()
        while (node := self.at(link)) is not None and node.id not in seen and len(seen) < MAX_STEPS:
            seen.add(node.id)
            yield node
            link = next((node.inputs[key] for key in ALONG[what] if self.at(node.inputs.get(key))), None)

    def value(self, value: Any, what: str = "number") -> Any:
        """A value, or that of the node it comes from; None when there is none."""
        if not isinstance(value, list):
            return value
        for node in self.back(value, what):
            for key in ALONG[what]:
                found = node.inputs.get(key)
                if isinstance(found, str | int | float) and not isinstance(found, bool):
                    return found
        return None


class Texts(NamedTuple):
    text: str
    clip_skip: int | None = None


def graph_of(text: str) -> Graph:
    nodes = {
        str(id): Node(str(id), str(node["class_type"]), node["inputs"])
        for id, node in object_of(text).items()
        if isinstance(node, dict) and "class_type" in node and isinstance(node.get("inputs"), dict)
    }
    return Graph(nodes)


def recognise(image: ImageText) -> bool:
    if image.source == "parameters" and image.text:
        return False  # saved with a generation text as well, which says it better
    return any(mark in text for text in _texts(image) for mark in ('"class_type"', '"last_node_id"'))


def _texts(image: ImageText) -> Iterator[str]:
    for text in (image.items.get("prompt", ""), image.items.get("workflow", ""), image.text):
        if text.lstrip().startswith("{"):
            yield text


def read(image: ImageText) -> Translated:
    graph = next((graph for text in _texts(image) if (graph := graph_of(text)).nodes), Graph({}))
    samplers = _samplers(graph)
    if not samplers:
        return Translated(Parsed(), (note("no_sampler_node"),))
    first, last = samplers[-1], samplers[0]
    fields = _first_pass(graph, first)
    if last is not first:
        fields |= _second_pass(graph, last)
    positive, negative = (_prompt(graph, first, key) for key in ("positive", "negative"))
    skip = positive.clip_skip
    fields |= _models(graph, first) | ({"Clip skip": str(skip)} if skip else {})
    prompt = "\n".join(filter(None, (positive.text, " ".join(_loras(graph, first)))))
    notes = [note("other_rules", program="ComfyUI")]
    if len(samplers) > 2:
        notes.append(note("more_samplers", count=len(samplers)))
    if graph.passed:
        notes.append(note("from_workflow", nodes=list(graph.passed)[:20]))
    return Translated(Parsed(prompt, negative.text, fields), tuple(notes))


def _samplers(graph: Graph) -> list[Node]:
    """Along the latent from what is saved back to where it starts; any sampler when nothing is saved."""
    ends = sorted(
        (node for node in graph.nodes.values() if node.kind in SAVING), key=lambda node: node.kind != SAVING[0]
    )
    for end in ends:
        link = next((end.inputs[key] for key in ("images", "image") if key in end.inputs), None)
        found = [node for node in graph.back(link, "latent") if node.kind in SAMPLING]
        if found:
            return found
    return next(([node] for node in graph.nodes.values() if node.kind in SAMPLING), [])


def _method(graph: Graph, node: Node) -> dict[str, Any]:
    sampler, schedule = graph.value(node.inputs.get("sampler_name")), graph.value(node.inputs.get("scheduler"))
    sampler, schedule = str(sampler or "").removesuffix("_gpu"), str(schedule or "")
    return {"Sampler": SAMPLERS.get(sampler, sampler), "Schedule type": SCHEDULES.get(schedule, schedule)}


def _first_pass(graph: Graph, node: Node) -> dict[str, str]:
    size = next((each for each in graph.back(node.inputs.get("latent_image"), "latent") if each.kind in EMPTY), None)
    seed = node.inputs.get("seed", node.inputs.get("noise_seed"))
    return written({
        "Steps": graph.value(node.inputs.get("steps")),
        **_method(graph, node),
        "CFG scale": graph.value(node.inputs.get("cfg")),
        "Seed": graph.value(seed),
        "Size-1": graph.value(size.inputs.get("width")) if size else None,
        "Size-2": graph.value(size.inputs.get("height")) if size else None,
        "RNG": "CPU",
        "UniPC variant": "bh2" if node.inputs.get("sampler_name") == "uni_pc_bh2" else None,
    })  # fmt: skip


def _second_pass(graph: Graph, node: Node) -> dict[str, str]:
    """A sampler that goes on from an enlarged latent is what we call hires fix; from one of the same size it is not."""
    enlarged = None
    for each in graph.back(node.inputs.get("latent_image"), "latent"):
        if each.kind in SAMPLING:
            break
        enlarged = each if "scale_by" in each.inputs or "upscale_method" in each.inputs else enlarged
    if enlarged is None:
        graph.passed.setdefault(node.kind)
        return {}
    method = _method(graph, node)
    return written({
        "Denoising strength": graph.value(node.inputs.get("denoise")),
        "Hires upscale": graph.value(enlarged.inputs.get("scale_by")),
        "Hires resize-1": graph.value(enlarged.inputs.get("width")),
        "Hires resize-2": graph.value(enlarged.inputs.get("height")),
        "Hires upscaler": ENLARGING.get(str(enlarged.inputs.get("upscale_method"))),
        "Hires steps": graph.value(node.inputs.get("steps")),
        "Hires CFG Scale": graph.value(node.inputs.get("cfg")),
        "Hires sampler": method["Sampler"],
        "Hires schedule type": method["Schedule type"],
    })  # fmt: skip


def _prompt(graph: Graph, sampler: Node, key: str) -> Texts:
    """The text of the first node with one; a conditioning put together from two counts as its first."""
    for node in graph.back(sampler.inputs.get(key), "conditioning"):
        text = next((node.inputs[name] for name in ALONG["text"] if name in node.inputs), None)
        if node.kind.startswith("CLIPTextEncode") or (text is not None and "clip" in node.inputs):
            found = graph.value(text, "text")
            return Texts(_ours(str(found or "")), _clip_skip(graph, node))
        if node.kind != "Reroute":
            graph.passed.setdefault(node.kind)
    return Texts("")


def _ours(text: str) -> str:
    """Its round brackets weigh as ours do; square ones mean nothing there."""
    return text.replace("[", escaped("[")).replace("]", escaped("]"))


def _clip_skip(graph: Graph, encoder: Node) -> int | None:
    for node in graph.back(encoder.inputs.get("clip"), "clip"):
        layer = node.inputs.get("stop_at_clip_layer")
        if isinstance(layer, int) and -100 < layer < 0:
            return -layer
    return None


def _models(graph: Graph, sampler: Node) -> dict[str, str]:
    """The checkpoint behind the sampler, and the VAE of whatever decodes, unless it is the checkpoint's."""
    found: dict[str, Any] = {}
    for node in graph.back(sampler.inputs.get("model"), "model"):
        if key := CHECKPOINTS.get(node.kind):
            found["Model"] = _stem(graph.value(node.inputs.get(key), "text"))
        elif node.kind not in SAMPLING and "lora_name" not in node.inputs and node.kind != "Reroute":
            graph.passed.setdefault(node.kind)
    for node in graph.nodes.values():
        if node.kind.startswith("VAEDecode"):
            for each in graph.back(node.inputs.get("vae"), "vae"):
                name = each.inputs.get("vae_name")
                found["VAE"] = str(name) if isinstance(name, str) else None
    return written(found)


def _stem(name: Any) -> str | None:
    if not isinstance(name, str):
        return None
    return name.replace("\\", "/").rsplit("/", 1)[-1].rsplit(".", 1)[0]


def _loras(graph: Graph, sampler: Node) -> list[str]:
    tags: list[str] = []
    for node in graph.back(sampler.inputs.get("model"), "model"):
        if name := _stem(node.inputs.get("lora_name")):
            weight, text_weight = (graph.value(node.inputs.get(f"strength_{part}", 1)) for part in ("model", "clip"))
            weights = f"{weight}" if weight == text_weight else f"{text_weight}:{weight}"
            tags.insert(0, f"<lora:{name}:{weights}>")
    return tags


COMFYUI = Foreign("comfyui", 50, recognise, read)
