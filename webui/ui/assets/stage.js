// The stage: shows what the server says of this browser's current job. All words come as text and stay text.
{
  const view = { queue: "", busy: false, job: null, pictures: [], now: null, trouble: null, notes: [], keys: {} };
  let stage = null;
  let chosen = null; // index of the picture somebody looks at; null follows the work
  let stopping = ""; // the job that was told to stop after its picture
  let refusal = null; // why the last press of Generate came to nothing
  let verdict = null; // {job, equal, lines}: what came of making a picture again

  const part = (name) => stage.querySelector(`.${name}`);
  const runs = () => view.job && ["queued", "running"].includes(view.job.state);
  const make = (tag, className, text = "") => Object.assign(document.createElement(tag), { className, textContent: text });
  const set = (node, name, value) => node[name] !== value && (node[name] = value); // touching nothing avoids flicker

  atelier.isBusy = () => Boolean(runs());
  atelier.refused = (answer) => {
    refusal = answer && { text: answer.detail, hint: answer.hint };
    draw();
  };
  atelier.shown = () => view.job && shown() && { job: view.job.id, ...shown() };
  atelier.keys = () => view.keys;
  atelier.judged = (result) => {
    verdict = result;
    draw();
  };
  atelier.seedOfPicture = (seed) => shown()?.seed ?? seed;

  atelier.interrupt = async () => {
    if (!runs()) return;
    const several = view.job.state === "running" && view.job.total - view.pictures.length > 1;
    const command = several && stopping !== view.job.id ? "after_image" : "now";
    stopping = command === "after_image" ? view.job.id : "";
    draw();
    await tell(command);
  };
  atelier.skip = () => runs() && tell("skip");
  const tell = async (command) => {
    const answer = await atelier.ask(`page/jobs/${view.job.id}/${command}`);
    if (!answer.error) return;
    stopping = "";
    atelier.refused(answer);
  };

  // --- listening, only while somebody can see it (browsers allow few open connections)

  let source = null;
  const listen = () => {
    source?.close();
    source = null;
    if (document.hidden) return;
    source = new EventSource("page/live");
    source.onmessage = (event) => take(JSON.parse(event.data));
    source.onerror = () => {
      set(document.querySelector("#queue .line"), "textContent", atelier.word("page.offline"));
      document.getElementById("queue").dataset.state = "offline";
      if (source.readyState === EventSource.CLOSED) setTimeout(listen, 2000);
    };
  };

  const take = (news) => {
    if (news.job && news.job.id !== view.job?.id) chosen = null;
    Object.assign(view, news);
    draw();
  };

  // --- drawing

  const shown = () => {
    if (chosen !== null) return view.pictures.find((each) => each.index === chosen);
    return view.pictures.at(-1);
  };

  const draw = () => {
    if (!stage) return;
    const queue = document.getElementById("queue");
    queue.dataset.state = view.busy ? "busy" : "idle";
    set(queue.querySelector(".line"), "textContent", view.queue);
    drawPicture();
    drawProgress();
    drawStrip();
    drawWords();
    drawButtons();
  };

  const drawPicture = () => {
    const follows = chosen === null && view.now?.index >= 0;
    const preview = follows && view.now.preview;
    const picture = follows ? null : shown();
    const url = preview ? `data:image/jpeg;base64,${preview}` : picture?.url;
    const image = part("image");
    image.hidden = !url;
    const size = picture ?? (runs() ? view.job : null);
    part("frame").hidden = !size || !(url || view.now);
    if (size) part("frame").style.setProperty("--ratio", size.width / size.height);
    image.classList.toggle("rough", Boolean(preview));
    if (url && image.getAttribute("src") !== url) image.src = url;
    set(image, "alt", picture ? picture.text.split("\n")[0] : "");
    const trouble = refusal ?? view.trouble;
    part("trouble").hidden = !trouble;
    set(part("trouble-text"), "textContent", trouble?.text ?? "");
    set(part("trouble-hint"), "textContent", trouble?.hint ?? "");
    part("hello").hidden = Boolean(view.job || trouble);
    part("tools").hidden = !picture;
    if (picture) Object.assign(part("download"), { href: picture.url, download: picture.name });
  };

  const drawProgress = () => {
    const { now } = view;
    part("progress").hidden = !now;
    document.title = now?.fraction > 0 ? `${Math.round(now.fraction * 100)}% · Atelier` : "Atelier";
    if (!now) return;
    set(part("where"), "textContent", stopping === view.job.id ? atelier.word("page.stopping") : now.line);
    set(part("left"), "textContent", now.left);
    part("bar").classList.toggle("unknown", now.fraction === null);
    part("bar").style.setProperty("--done", now.fraction ?? 0);
    part("bar").setAttribute("aria-valuenow", Math.round((now.fraction ?? 0) * 100));
  };

  const drawStrip = () => {
    const strip = part("strip");
    const total = runs() ? view.job.total : (view.pictures.at(-1)?.index ?? -1) + 1; // nothing more comes after the end
    while (strip.children.length > total) strip.lastChild.remove();
    while (strip.children.length < total) strip.append(thumb(strip.children.length));
    const current = shown();
    for (const [index, button] of [...strip.children].entries()) {
      const picture = view.pictures.find((each) => each.index === index);
      const isNow = view.now?.index === index && !picture;
      button.className = picture ? "thumb made" : isNow ? "thumb making" : "thumb wait";
      button.disabled = !picture && !isNow;
      const follows = chosen === null && view.now?.index >= 0;
      button.setAttribute("aria-current", follows ? isNow : picture !== undefined && picture === current);
      set(button.querySelector("img"), "hidden", !picture);
      if (picture) set(button.querySelector("img"), "src", new URL(picture.url, document.baseURI).href);
    }
  };
  const thumb = (index) => {
    const button = make("button", "thumb wait");
    button.type = "button";
    button.append(Object.assign(make("img", ""), { alt: "", hidden: true, loading: "lazy" }), make("span", "", index + 1));
    button.setAttribute("aria-label", atelier.word("page.picture", { number: index + 1 }));
    button.onclick = () => {
      chosen = view.pictures.some((each) => each.index === index) ? index : null;
      draw();
    };
    return button;
  };

  const drawWords = () => {
    const judged = verdict && verdict.job === view.job?.id ? verdict : { lines: [] };
    const kind = judged.equal ? "note good" : "note";
    const lines = [...judged.lines.map((line) => [kind, line]), ...view.notes.map((note) => ["note", note])];
    const notes = part("notes");
    const now = JSON.stringify(lines);
    if (notes.dataset.now !== now) {
      notes.dataset.now = now;
      notes.replaceChildren(...lines.map(([name, note]) => make("p", name, `${note.text} ${note.hint}`.trim())));
    }
    const picture = shown();
    part("actions").hidden = !picture;
    part("info").hidden = !picture;
    const several = picture && view.job.total > 1;
    set(part("whose"), "textContent", several ? atelier.word("page.picture", { number: picture.index + 1 }) : "");
    set(part("text"), "textContent", picture?.text ?? "");
    set(part("path"), "textContent", picture?.path ?? "");
  };

  const drawButtons = () => {
    const interrupt = document.getElementById("interrupt");
    const armed = atelier.isBusy() && stopping === view.job.id;
    interrupt.classList.toggle("armed", armed);
    label(interrupt, atelier.word(armed ? "page.stop_now" : "page.interrupt"));
    interrupt.disabled = !runs();
    document.getElementById("skip").disabled = view.job?.state !== "running";
  };
  const label = (button, text) => {
    set(button, "textContent", text);
    set(button, "title", text);
  };

  // --- once the page is there

  atelier.openStage = (element) => {
    stage = element;
    atelier.say(stage);
    for (const chip of stage.querySelectorAll(".chip")) chip.onclick = () => atelier.fillPrompt(chip.textContent);
    for (const button of document.querySelectorAll("button.icon:not([title])")) button.title = button.textContent.trim();
    for (const field of document.querySelectorAll("[id^=field-]")) {
      const label = field.querySelector("[data-testid=block-info]") ?? field.querySelector("label");
      label.title = atelier.word(`${field.id.replaceAll("-", ".")}.help`);
    }
    part("info").open = innerWidth > 820; // on a phone the form comes first
    part("copy").onclick = async (event) => {
      event.preventDefault(); // it stands in the line that opens and closes
      await navigator.clipboard.writeText(shown().text);
      atelier.toast(atelier.word("page.copied"));
    };
    part("fullscreen").onclick = () => (document.fullscreenElement ? document.exitFullscreen() : part("pic").requestFullscreen());
    atelier.openActions(stage);
    document.addEventListener("visibilitychange", listen);
    document.addEventListener("keydown", turn);
    listen();
  };

  const turn = (event) => {
    const way = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!way || !document.fullscreenElement) return;
    const at = view.pictures.indexOf(shown()) + way;
    chosen = view.pictures[Math.max(0, Math.min(at, view.pictures.length - 1))]?.index ?? null;
    draw();
  };
}
