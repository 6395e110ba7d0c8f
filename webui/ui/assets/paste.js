// From a text or a picture to the form: the button for it, and what is dropped or pasted on the prompts.
{
  const make = (tag, className, text = "") => Object.assign(document.createElement(tag), { className, textContent: text });
  const place = (name) => document.querySelector(`#asked .${name}`);

  // --- reading

  atelier.readPrompt = () => atelier.readText(document.querySelector("#field-prompts-prompt textarea").value);
  atelier.readText = async (text) => take(await atelier.ask("page/read", { text })); // none: the last picture's
  const readPicture = async (file) => {
    const image = await dataUrl(file);
    const answer = await atelier.ask("page/read-image", { image });
    take(answer, answer.ours ? image : null);
  };

  const take = (answer, picture = null) => {
    if (answer.error) return atelier.toast(`${answer.detail} ${answer.hint ?? ""}`.trim(), true);
    notes = answer.notes;
    dropped = picture;
    const { values } = answer;
    if (Object.keys(values).length) {
      const strength = values["seeds.subseed_strength"], width = values["seeds.resize_width"];
      if (strength !== undefined) values["seeds.extra"] = Boolean(strength || (width && values["seeds.resize_height"]));
      overrides = Object.fromEntries(Object.entries(answer.settings).filter(([, chip]) => !isOnPage(chip, values)));
      atelier.remember("overrides", JSON.stringify(overrides));
      atelier.recount();
      atelier.fill(values);
      atelier.toast(atelier.word("page.read.done"));
    }
    draw();
  };
  // A box that is ticked goes before its setting; one that is not leaves the choice to it.
  const isOnPage = ({ path }, values) => path in atelier.values() && values[path] === true;

  const dataUrl = (file) =>
    new Promise((done) => {
      const reader = new FileReader();
      reader.onload = () => done(reader.result);
      reader.onerror = () => done("");
      reader.readAsDataURL(file);
    });

  // --- what the text asked for and cannot have, and settings that only this page's pictures have otherwise

  let notes = [];
  let dropped = null; // a picture of this program's, which may be made again
  let overrides = JSON.parse(atelier.recall("overrides") ?? "{}"); // by name: {value, text, …}
  atelier.overrides = () => Object.fromEntries(Object.entries(overrides).map(([name, chip]) => [name, chip.value]));

  const draw = () => {
    place("notes").replaceChildren(...(dropped ? [againOf(dropped)] : []), ...notes.map((note) => noteOf(note)));
    const chips = Object.entries(overrides).map(([name, chip]) => chipOf(name, chip));
    if (chips.length) chips.unshift(make("span", "label", atelier.word("page.chips")));
    place("overrides").replaceChildren(...chips);
  };
  const noteOf = (note) => {
    const line = make("p", "note");
    line.append(make("span", "", `${note.text} ${note.hint}`.trim()), closer("page.close", () => (notes = notes.filter((each) => each !== note))));
    return line;
  };
  const againOf = (picture) => {
    const line = make("p", "note again");
    const button = make("button", "btn", atelier.word("page.remake"));
    Object.assign(button, { type: "button", title: atelier.word("page.remake.help") });
    button.onclick = () => atelier.remake({ image: picture });
    line.append(make("span", "", atelier.word("page.dropped")), button, closer("page.close", () => (dropped = null)));
    return line;
  };
  const chipOf = (name, chip) => {
    const shown = make("span", "override", chip.text);
    shown.append(
      closer("page.chip.remove", () => {
        delete overrides[name];
        atelier.remember("overrides", JSON.stringify(overrides));
        atelier.recount();
      }),
    );
    return shown;
  };
  const closer = (code, remove) => {
    const button = make("button", "closer", "×");
    Object.assign(button, { type: "button", title: atelier.word(code), ariaLabel: atelier.word(code) });
    button.onclick = () => {
      remove();
      draw();
    };
    return button;
  };
  atelier.openAsked = draw;

  // --- dropping and pasting

  const ours = () => new URL("api/v1/images/", document.baseURI).href;
  const isText = (file) => file.type.startsWith("text/") || /\.(txt|json)$/i.test(file.name);
  const card = (event) => event.target?.closest?.(".prompts");
  const carried = (event) => [...(event.dataTransfer?.types ?? [])].some((type) => ["Files", "text/uri-list"].includes(type));

  const readFile = async (file) => (isText(file) ? atelier.readText(await file.text()) : readPicture(file));

  const leave = (target) =>
    document.querySelectorAll(".prompts.over").forEach((each) => each !== target && each.classList.remove("over"));
  const over = (event) => {
    const target = carried(event) ? card(event) : null;
    leave(target);
    if (!target) return;
    event.preventDefault(); // which says that it may be dropped here
    target.dataset.drop = atelier.word("page.drop");
    target.classList.add("over");
  };
  const drop = async (event) => {
    const target = card(event);
    leave(null);
    if (!target || !carried(event)) return;
    const [file] = event.dataTransfer.files;
    const url = event.dataTransfer.getData("text/uri-list");
    if (!file && !url.startsWith(ours())) return; // another page's link is a text like any other
    event.preventDefault();
    event.stopPropagation();
    await readFile(file ?? new File([await (await fetch(url)).blob()], "picture"));
  };
  const paste = (event) => {
    const [file] = event.clipboardData?.files ?? [];
    if (!file || !card(event)) return;
    event.preventDefault();
    event.stopPropagation();
    readFile(file);
  };
  document.addEventListener("dragover", over, true);
  document.addEventListener("drop", drop, true);
  document.addEventListener("dragleave", (event) => event.relatedTarget === null && leave(null)); // the window
  document.addEventListener("paste", paste, true);
}
