"""App: everything the program is made of, put together once. The page and the API both talk to it alone."""

from __future__ import annotations

import asyncio
import datetime
import logging
import re
import secrets
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from webui import registry
from webui.events import Saved
from webui.files.blobs import Blobs
from webui.files.catalog import FOLDERS, Catalog, Kind, ModelFile, scan
from webui.files.hashes import Hashes
from webui.jobs.executor import Executor, FileRef, Order
from webui.jobs.queue import Queue, Snapshot
from webui.jobs.store import Job, Store
from webui.messages import Fault, Message, NotFound, TooMany
from webui.models.detect import Found, identify
from webui.outputs import folder_for, free_path
from webui.paths import Paths
from webui.plan import Plan, Shot, Texts, plan
from webui.prompt import clip_tokenizer, count, embeddings, rules_of, styles
from webui.prompt.styles import StyleStore
from webui.prompt.wildcards import Wildcards
from webui.reproduce import Again, AtHand, Source, remake
from webui.request import Batch, Hires, Prompts, Refiner, Request, Sampling, hires_size
from webui.sampling.kinds import Sampler, Scheduler
from webui.settings import Settings, SettingsFile
from webui.upscalers import find_upscaler, latent_modes, upscalers

K = TypeVar("K", bound=registry.Named)
MAX_WAITING = 200  # jobs
MAX_SIDE = 4096  # pixels of a picture after the second pass
BUILT_IN_VAES = ("Automatic", "None")
JOB_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_()-]{0,63}")  # sd-webui's "task(abc)" too; it names a folder
log = logging.getLogger(__name__)


class App:
    """The server's side of the program. ``executor`` does the computing; nothing here imports torch."""

    def __init__(self, paths: Paths, executor: Executor, default_checkpoint: str = "") -> None:
        """``default_checkpoint`` goes before the settings' one."""
        self.paths = paths
        self._default_checkpoint = default_checkpoint
        self.settings = SettingsFile(paths.data / "settings.json")
        self._hashes = Hashes(paths.data / "hashes.json")
        self._identified: dict[tuple[Path, int, int], Found] = {}
        self.catalog: Catalog = scan(paths, self._hashes)
        self.styles = StyleStore(paths.styles)
        self.blobs = Blobs(paths.data / "blobs")
        self.store = Store(paths.data / "jobs.sqlite3")
        self.again = Again(paths.data / "results", self.store, self.at_hand)
        self.executor = executor
        self.queue = Queue(self.store, executor, paths.staging, self._prepare, self._place)

    def start(self) -> None:
        models = (self.paths.home / "models" / name for name in FOLDERS.values())
        for folder in (*models, self.paths.outputs, self.paths.wildcards):
            folder.mkdir(parents=True, exist_ok=True)  # so that people see where things go
        self.queue.start()
        threading.Thread(target=self._idle_work, name="idle", daemon=True).start()

    def close(self) -> None:
        self.queue.close()
        self.store.close()

    def _idle_work(self) -> None:
        """What can wait until the page has answered: a warm worker, hashes, results nobody kept."""
        self.executor.start()
        self._drop_old_results()
        for file in (*self.catalog.of("checkpoint"), *self.catalog.of("vae")):
            try:
                self._hashes.of(file.path, file.size, file.mtime_ns)
            except OSError as error:
                log.warning("%s could not be read for its hash: %s", file.name, error)
        self.refresh()

    def _drop_old_results(self) -> None:
        """Results that were never to be saved are kept for some days only."""
        oldest = time.time() - self.settings.now.keep_unsaved_days * 86400
        for file in (self.paths.data / "results").glob("*/*"):
            if file.stat().st_mtime < oldest:
                file.unlink(missing_ok=True)

    # --- what there is

    @property
    def samplers(self) -> Mapping[str, Sampler]:
        return registry.discover("webui.sampling.samplers", Sampler)

    @property
    def schedulers(self) -> Mapping[str, Scheduler]:
        return registry.discover("webui.sampling.schedulers", Scheduler)

    def refresh(self) -> Catalog:
        """Look at the model folders again."""
        self.catalog = scan(self.paths, self._hashes)
        return self.catalog

    def checkpoint(self, wish: str = "") -> ModelFile:
        """The named checkpoint; with no name the settings' default, or the first there is."""
        wish = wish or self._default_checkpoint or self.settings.now.sd_model_checkpoint
        if wish:
            return self._find("checkpoint", wish, "models.checkpoint")
        if self.catalog.of("checkpoint") or self.refresh().of("checkpoint"):
            return self.catalog.of("checkpoint")[0]
        raise Fault("no_models", field="models.checkpoint", folder="models/Stable-diffusion")

    def vae(self, wish: str) -> ModelFile | None:
        """None for the one inside the checkpoint, which is what Automatic and None mean today."""
        if wish in BUILT_IN_VAES:
            return None
        return self._find("vae", wish, "models.vae")

    def _find(self, kind: Kind, wish: str, field: str) -> ModelFile:
        """A name that is not known may belong to a file that has just been dropped in: look once more."""
        try:
            return self.catalog.find(kind, wish, field)
        except Fault:
            return self.refresh().find(kind, wish, field)

    def identify(self, file: ModelFile) -> Found:
        """What a model file is, by its header. Raises Fault for a file that cannot be read."""
        key = (file.path, file.size, file.mtime_ns)
        if key not in self._identified:
            self._identified[key] = identify(file.path)
        return self._identified[key]

    def native_size(self, checkpoint: str = "") -> tuple[int, int]:
        """Width and height at which a checkpoint draws best; 512×512 when nothing tells."""
        try:
            return self.identify(self.checkpoint(checkpoint)).native_size
        except Fault:
            return (512, 512)

    def count_tokens(
        self, text: str, settings: Settings | None = None, style_names: Sequence[str] = (), *, negative: bool = False
    ) -> tuple[int, int]:
        """Tokens used, and the room of the chunks they need (a multiple of 75). Wildcards count as they stand.

        Styles that are not there (any more) count nothing.
        """
        chosen = [style for style in self.styles.all() if style.name in style_names]
        text = styles.apply(text, [style.negative if negative else style.prompt for style in chosen])
        return count(text, clip_tokenizer(), rules_of(settings or self.settings.now), negative=negative)

    def at_hand(self) -> AtHand:
        """What generation texts are read against (``reproduce.read``)."""
        return AtHand(
            samplers=self.samplers,
            schedulers=self.schedulers,
            upscalers=(*latent_modes(), *upscalers()),
            catalog=self.refresh(),
            settings=self.settings.now,
            styles=self.styles.all(),
            hash_of=self._hash_of,
        )

    def _hash_of(self, file: ModelFile) -> str | None:
        try:
            return self._hashes.of(file.path, file.size, file.mtime_ns)
        except OSError:
            return None

    # --- work

    def submit(
        self,
        request: Request,
        client: str = "",
        id: str = "",
        settings: Settings | None = None,
        shots: tuple[Shot, ...] = (),
    ) -> Job:
        """Check the names, fix the plan, store the job. It will be done, whatever happens, once this returns.

        ``settings`` are the job's own where they are given; ``shots`` are a plan that is fixed already. Raises Fault
        naming the field and the nearest valid choice.
        """
        if id and not JOB_ID.fullmatch(id):
            raise Fault("bad_job_id", field="id")
        settings = settings or self.settings.now
        request = self._checked(request)
        planned = Plan(shots, ()) if shots else plan(request, self._texts(request, settings))
        notes = (*planned.notes, *self._without_effect(planned.shots))
        if len(self.store.waiting()) >= MAX_WAITING:
            raise TooMany("queue_full", limit=MAX_WAITING)
        try:
            job = self.store.submit(request, planned.shots, settings, client, id, notes)
        except sqlite3.IntegrityError as error:
            raise Fault("job_id_taken", field="id", id=id[:100]) from error
        self.queue.wake()
        return job

    def enlarge(self, job_id: str, index: int, hires: Hires, client: str = "") -> Job:
        """A second pass over a picture that is there already, by the settings it was made with."""
        snapshot = self.snapshot(job_id)
        job, image = snapshot.job, next((image for image in snapshot.images if image.index == index), None)
        if image is None:
            raise NotFound("unknown_image", index=index)
        shot = next(shot for shot in job.shots if shot.index == index)
        try:
            source = self.blobs.put(image.path.read_bytes())
        except OSError as error:
            raise Fault("image_gone") from error
        request = job.request.model_copy(update={
            "prompts": Prompts(prompt=shot.prompt, negative=shot.negative),
            "size": job.request.size.model_copy(update={"width": image.width, "height": image.height}),
            "batch": Batch(),
            "hires": hires.model_copy(update={"source": source}),
        })  # fmt: skip
        texts = {"hires_prompt": hires.prompt, "hires_negative": hires.negative}
        return self.submit(
            request, client, settings=job.settings, shots=(shot.model_copy(update=texts | {"index": 0}),)
        )

    def remake(self, source: Source, client: str = "") -> Job:
        """Make a picture again. ``again.outcome`` then says whether it is the same, and if not, why.

        Raises Fault when a model that it was made with is not here, or when it does not say how it was made.
        """
        made = remake(self.again.original(source).past, self.at_hand())
        job_id = secrets.token_hex(8)
        self.again.keep(job_id, source)
        return self.submit(made.request, client, job_id, made.settings, (made.shot,))

    def _without_effect(self, shots: Iterable[Shot]) -> list[Message]:
        """Textual inversions that the prompts name: they cannot be used yet, and that is said."""
        known = [file.stem for file in self.catalog.of("embedding")]
        texts = {
            text for shot in shots for text in (shot.prompt, shot.negative, shot.hires_prompt, shot.hires_negative)
        }
        found = {name for text in texts for name in embeddings.named(text, known)} if known else set()
        return [Message(code="embedding_not_applied", params={"names": sorted(found)[:20]})] if found else []

    def _texts(self, request: Request, settings: Settings) -> Texts:
        rules = rules_of(settings)
        drawn = settings.enable_wildcards and not rules.sd_webui
        return Texts(
            styles=self.styles.texts(request.prompts.styles),
            wildcards=Wildcards(self.paths.wildcards) if drawn else None,
            rules=rules,
        )

    def _checked(self, request: Request) -> Request:
        """The request under the names that the program knows its parts by, or a Fault."""
        checkpoint, vae = self.checkpoint(request.models.checkpoint), self.vae(request.models.vae)
        self.identify(checkpoint).require(vae_given=vae is not None)
        names = {"checkpoint": checkpoint.name, "vae": vae.name if vae else request.models.vae}
        return request.model_copy(update={
            "sampling": request.sampling.model_copy(update=self._method(request.sampling, "sampling")),
            "models": request.models.model_copy(update=names),
            "hires": self._checked_hires(request),
            "refiner": self._checked_refiner(request),
        })  # fmt: skip

    def _method(self, part: Sampling | Hires, field: str) -> dict[str, str]:
        """Sampler and scheduler by their own names. Those of a second pass may be empty."""
        asked = {"sampler": (self.samplers, part.sampler), "scheduler": (self.schedulers, part.scheduler)}
        return {
            what: _known(kinds, name, what, field).name
            for what, (kinds, name) in asked.items()
            if name or isinstance(part, Sampling)
        }

    def _checked_hires(self, request: Request) -> Hires | None:
        if (hires := request.hires) is None:
            return None
        if max(hires_size(request)) > MAX_SIDE:
            width, height = hires_size(request)
            raise Fault("hires_too_large", field="hires.scale", width=width, height=height, limit=MAX_SIDE)
        if hires.source and not self.blobs.path(hires.source).is_file():
            raise Fault("unknown_source", field="hires.source")
        other = self._other_checkpoint(hires.checkpoint, request, "hires.checkpoint")
        names = {"checkpoint": other, "upscaler": find_upscaler(hires.upscaler).name}
        return hires.model_copy(update=self._method(hires, "hires") | names)

    def _checked_refiner(self, request: Request) -> Refiner | None:
        """None where the model would take over from itself."""
        if (refiner := request.refiner) is None or not refiner.checkpoint:
            return None
        self._other_checkpoint(refiner.checkpoint, request, "refiner.checkpoint")
        file = self._find("checkpoint", refiner.checkpoint, "refiner.checkpoint")
        hires = request.hires and request.hires.checkpoint  # the refiner of two passes is the second one's
        before = (
            self._find("checkpoint", hires, "hires.checkpoint") if hires else self.checkpoint(request.models.checkpoint)
        )
        return refiner.model_copy(update={"checkpoint": file.name}) if file.path != before.path else None

    def _other_checkpoint(self, wish: str, request: Request, field: str) -> str:
        """Empty when the first checkpoint goes on. Raises Fault for one that cannot follow it."""
        if not wish:
            return ""
        file, first = self._find("checkpoint", wish, field), self.checkpoint(request.models.checkpoint)
        found = self.identify(file)
        found.require(vae_given=self.vae(request.models.vae) is not None)
        if found.family != self.identify(first).family:
            raise Fault("other_family", field=field, name=file.name, first=first.name)
        return file.name if file.path != first.path else ""

    def snapshot(self, job_id: str) -> Snapshot:
        snapshot = self.queue.snapshot(job_id)
        if snapshot is None:
            raise NotFound("unknown_job", id=job_id[:100])
        return snapshot

    def counts(self) -> tuple[int, int]:
        """How many jobs run, and how many wait."""
        running = 1 if self.queue.running() else 0
        return running, max(0, len(self.store.waiting()) - running)

    def current_job(self, client: str) -> str | None:
        """The job that a client wants to see: the one that runs, else the next that waits, else the last that ended."""
        return self.store.current(client)

    async def ended(self, job_id: str) -> Snapshot:
        """The job once it has ended, told rather than polled. However many wait, no thread does."""
        future = await asyncio.to_thread(self.queue.ended, job_id)
        await asyncio.shield(asyncio.wrap_future(future))
        return await asyncio.to_thread(self.snapshot, job_id)

    def wait(self, job_id: str) -> Snapshot:
        """Block until the job has ended."""
        self.queue.ended(job_id).result()
        return self.snapshot(job_id)

    # --- handed to the queue

    def _prepare(self, job: Job, missing: tuple[int, ...]) -> Order:
        """Runs just before the job: the files as they are now, with their hashes."""
        request = job.request
        wishes = {"checkpoint": (request.models.checkpoint, "models.checkpoint")}
        if request.hires and request.hires.checkpoint:
            wishes["hires_checkpoint"] = (request.hires.checkpoint, "hires.checkpoint")
        if request.refiner:
            wishes["refiner"] = (request.refiner.checkpoint, "refiner.checkpoint")
        files = {role: self._ref(self._find("checkpoint", wish, field)) for role, (wish, field) in wishes.items()}
        if vae := self.vae(request.models.vae):
            files["vae"] = self._ref(vae)
        if request.hires and request.hires.source:
            files["source"] = self._source(request.hires.source)
        return Order(
            job=job.id,
            fence=job.fence,
            request=request,
            shots=tuple(shot for shot in job.shots if shot.index in missing),
            settings=job.settings,
            files=files,
            staging=str(self.paths.staging / f"{job.id}-{job.fence}"),
        )

    def _ref(self, file: ModelFile) -> FileRef:
        try:
            stat = file.path.stat()
            sha256 = self._hashes.of(file.path, stat.st_size, stat.st_mtime_ns)
        except OSError as error:
            raise Fault("file_unreadable", name=file.name, reason=error.strerror or type(error).__name__) from error
        return FileRef(name=file.name, path=str(file.path), size=stat.st_size, mtime_ns=stat.st_mtime_ns, sha256=sha256)

    def _source(self, sha256: str) -> FileRef:
        path = self.blobs.path(sha256)
        try:
            stat = path.stat()
        except OSError as error:
            raise Fault("unknown_source", field="hires.source") from error
        return FileRef(name="", path=str(path), size=stat.st_size, mtime_ns=stat.st_mtime_ns, sha256=sha256)

    def _place(self, job: Job, saved: Saved, taken: Callable[[Path], bool]) -> Path:
        if not job.request.keep.save:
            return self.paths.data / "results" / job.id / f"{saved.index:05}.png"
        folder = folder_for(self.paths.outputs, job.request.kind, datetime.date.today(), job.settings)
        return free_path(folder, saved.seed, taken, job.settings, Path(saved.path).suffix)


def _known(kinds: Mapping[str, K], name: str, what: str, part: str) -> K:
    try:
        return registry.find(kinds, name, what)
    except registry.UnknownName as error:
        raise Fault(f"unknown_{what}", field=f"{part}.{what}", name=name[:100], nearest=error.nearest) from error
