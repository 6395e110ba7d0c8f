// The form: what is asked, kept across reloads, counted and refused.
{
  const block = (path, kind = "field") => document.getElementById(`${kind}-${path.replaceAll(".", "-")}`);
  const byPath = (paths, values) => Object.fromEntries(paths.map((path, i) => [path, values[i]]));

  // --- talking to the server; what goes wrong comes back as {detail, hint, field}

  atelier.ask = (path, body = {}) => talk(path, { method: "POST", body: JSON.stringify(body) });
  atelier.look = (path) => talk(path);
  const talk = async (path, request = {}) => {
    try {
      const headers = { "Content-Type": "application/json", "Accept-Language": atelier.language };
      const reply = await fetch(path, { headers, ...request });
      const answer = await reply.json();
      return reply.ok ? answer : { error: true, ...answer };
    } catch {
      return { error: true, detail: atelier.word("page.offline"), hint: atelier.word("page.offline.hint") };
    }
  };

  const sayWrong = (answer, kind) => {
    const place = answer.field && block(answer.field, kind);
    if (!place) return;
    const why = Object.assign(document.createElement("small"), { className: "why", textContent: answer.detail });
    place.classList.add("wrong");
    place.append(why);
    place.querySelector("input, textarea")?.focus();
    place.addEventListener("input", () => clearWrong(), { once: true });
  };
  const clearWrong = () => {
    document.querySelectorAll(".why").forEach((each) => each.remove());
    document.querySelectorAll(".wrong").forEach((each) => each.classList.remove("wrong"));
  };

  Object.assign(atelier, { sayWrong, clearWrong });

  atelier.generate = (paths, values) =>
    atelier.order("page/jobs", { ...byPath(paths, values), overrides: atelier.overrides() });

  // Whatever asks for a job: says that it waits, or what is wrong and where.
  atelier.order = async (path, body) => {
    const waits = atelier.isBusy();
    clearWrong();
    const answer = await atelier.ask(path, body);
    atelier.refused(answer.error ? answer : null);
    if (answer.error) sayWrong(answer, "field");
    else if (waits) atelier.toast(atelier.word("page.queued"));
    return answer;
  };

  // --- kept in this browser

  let form = {};
  let restored = false; // until then the form still holds its defaults
  atelier.keep = (paths, values) => {
    if (!restored) return;
    const before = form;
    form = byPath(paths, values);
    atelier.remember("form", JSON.stringify(form));
    if (String(before["prompts.styles"]) !== String(form["prompts.styles"])) atelier.recount();
    sayBecomes();
  };
  atelier.values = () => form;
  atelier.models = () => [form["models.checkpoint"] ?? null, form["models.vae"] ?? null];
  atelier.restore = (paths, values) => {
    const kept = JSON.parse(atelier.recall("form") ?? "{}");
    restored = true;
    // Models that nobody chose here are left to the server, which knows its settings as they are now.
    const now = paths.map((path, i) => kept[path] ?? (path.startsWith("models.") ? null : values[i]));
    form = byPath(paths, now);
    atelier.recount();
    sayBecomes();
    return now;
  };

  // --- values from elsewhere: only an event of gradio's can put them into its components

  let filling = {};
  atelier.fill = (values) => {
    filling = values;
    if ("size.width" in values) atelier.ownSize();
    document.getElementById("fill").click();
  };
  atelier.filled = (paths, values) => paths.map((path, i) => (path in filling ? alike(filling[path], values[i]) : values[i]));
  const alike = (value, before) => (typeof before === "string" && typeof value === "number" ? String(value) : value);

  // --- parts that open

  atelier.fold = (id) => {
    const part = document.getElementById(id);
    part.querySelector("button").setAttribute("aria-expanded", part.classList.toggle("open"));
  };

  // What the second pass makes of the size; as webui/request.py: hires_size, final_size.
  const hiresSize = () => {
    const [w, h, scale, toWidth, toHeight] = ["size.width", "size.height", "hires.scale", "hires.width", "hires.height"].map((path) => form[path]);
    if (toWidth && toHeight) return [toWidth, toHeight];
    const [width, height] = toWidth ? [toWidth, (toWidth * h) / w] : toHeight ? [(toHeight * w) / h, toHeight] : [w * scale, h * scale];
    return [width, height].map((side) => Math.floor(Math.floor(side) / 8) * 8);
  };
  const sayBecomes = () => {
    const place = document.querySelector("#becomes .becomes");
    const blanks = { width: form["size.width"], height: form["size.height"], to: hiresSize().join("×") };
    if (place) place.textContent = atelier.word("page.becomes", blanks);
  };

  // --- size: the checkpoint's own until somebody chooses another

  atelier.ownSize = () => atelier.remember("own-size", "yes");
  atelier.size = (native, width, height) => (atelier.recall("own-size") ? [width, height] : native);
  atelier.swap = (width, height) => {
    atelier.ownSize();
    return [height, width];
  };

  // --- tokens

  const timers = {};
  atelier.count = (path, text) => {
    clearTimeout(timers[path]);
    timers[path] = setTimeout(async () => {
      const asked = { texts: { [path]: text ?? "" }, styles: form["prompts.styles"] ?? [], overrides: atelier.overrides() };
      const answer = await atelier.ask("page/tokens", asked);
      const place = block(path);
      if (answer.error || !place) return;
      const [used, room] = answer[path];
      const counter = place.querySelector(".count") ?? place.appendChild(document.createElement("span"));
      Object.assign(counter, { className: "count", textContent: `${used}/${room}`, title: atelier.word("page.tokens") });
    }, 200);
  };

  // What else decides how long a prompt is has changed: its styles, the way it is read.
  atelier.recount = () => ["prompts.prompt", "prompts.negative"].forEach((path) => atelier.count(path, form[path]));

  // --- the prompt box

  atelier.fillPrompt = (text) => {
    const area = block("prompts.prompt").querySelector("textarea");
    area.value = text;
    area.dispatchEvent(new Event("input", { bubbles: true }));
    area.focus();
  };

  // --- a line that comes and goes

  atelier.toast = (text, bad = false) => {
    if (!text) return;
    const toast = document.getElementById("toast") ?? document.body.appendChild(document.createElement("div"));
    Object.assign(toast, { id: "toast", role: "status", textContent: text });
    toast.classList.toggle("bad", bad);
    toast.classList.add("on");
    clearTimeout(timers.toast);
    timers.toast = setTimeout(() => toast.classList.remove("on"), 4000);
  };
}
