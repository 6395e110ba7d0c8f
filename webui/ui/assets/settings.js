// Settings: found by words, held against what is saved and against their defaults; the quick ones in the bar on top.
{
  let known = null; // {values, defaults, quick}, as the server has them
  let shown = {}; // what the tab's components hold, as far as they have told
  let wanted = {}; // what they are to hold
  let finder = null;
  let bar = null;

  const equal = (one, other) => JSON.stringify(one) === JSON.stringify(other);
  const block = (name) => document.getElementById(`setting-${name}`);
  const make = (tag, properties = {}) => Object.assign(document.createElement(tag), properties);
  const now = (name) => (name in shown ? shown[name] : known.values[name]);
  const names = () => Object.keys(known.values).filter(block);
  const unsaved = () => Object.keys(shown).filter((name) => !equal(shown[name], known.values[name]));

  const learn = async () => {
    const answer = await atelier.look("page/settings");
    if (!answer.error) take(answer);
  };
  const take = (answer) => {
    known = answer;
    drawBar();
    mark();
  };

  // --- the tab

  atelier.shownSettings = (names, values) => {
    shown = Object.fromEntries(names.map((name, i) => [name, values[i]]));
    mark();
  };
  atelier.putSettings = (names, values) => {
    const put = names.map((name, i) => (name in wanted ? wanted[name] : values[i]));
    wanted = {};
    return put;
  };
  const put = (values) => {
    Object.assign(wanted, values);
    document.getElementById("put-settings")?.click(); // it is there once the tab has been opened
  };

  atelier.applySettings = async (names, values) => {
    if (!known) return;
    shown = Object.fromEntries(names.map((name, i) => [name, values[i]]));
    atelier.clearWrong();
    const answer = await atelier.ask("page/settings", Object.fromEntries(unsaved().map((name) => [name, shown[name]])));
    if (answer.error) atelier.sayWrong(answer, "setting");
    else take(answer);
    if (answer.error) reveal(answer.field);
    atelier.toast(answer.error ? answer.detail : atelier.word("page.applied"), answer.error);
  };

  const reveal = (name) => {
    if (!name || !block(name)) return;
    if (!block(name).checkVisibility()) find("");
    block(name).scrollIntoView({ block: "center" });
  };

  const mark = () => {
    if (!known || !finder) return;
    for (const name of names()) {
      const differs = !equal(now(name), known.defaults[name]);
      block(name).classList.toggle("differs", differs);
      if (differs) addReset(name);
    }
    const differing = Object.keys(known.values).filter((name) => !equal(now(name), known.defaults[name]));
    finder.querySelector(".changed-only").textContent = atelier.word("page.settings.changed", { count: differing.length });
    const count = unsaved().length;
    const row = document.querySelector("#settings .apply");
    if (row) row.dataset.unsaved = count ? atelier.word("page.settings.unsaved", { count }) : "";
    filter();
  };

  const addReset = (name) => {
    if (block(name).querySelector(".reset")) return;
    const reset = finder.querySelector("template").content.firstElementChild.cloneNode(true);
    reset.title = atelier.word("page.settings.reset");
    reset.setAttribute("aria-label", `${reset.title}: ${atelier.word(`setting.${name}`)}`);
    reset.onclick = () => put({ [name]: known.defaults[name] });
    block(name).append(reset);
  };

  // --- searching: every word has to stand in the name, label or help of a setting, in any language

  const haystacks = {};
  const haystack = (name) => {
    haystacks[name] ??= Object.values(window.gradio_config.i18n_translations)
      .flatMap((words) => Object.entries(words).filter(([code]) => code === `setting.${name}` || code.startsWith(`setting.${name}.`)))
      .map(([, text]) => text)
      .concat(name, name.replaceAll("_", " "))
      .join("\n")
      .toLowerCase();
    return haystacks[name];
  };

  const find = (text) => {
    const box = finder.querySelector(".search");
    box.value = text;
    finder.querySelector(".changed-only").setAttribute("aria-pressed", "false");
    filter();
  };

  const filter = () => {
    const words = finder.querySelector(".search").value.toLowerCase().split(/\s+/).filter(Boolean);
    const onlyChanged = finder.querySelector(".changed-only").getAttribute("aria-pressed") === "true";
    let found = 0;
    for (const name of names()) {
      const place = block(name);
      const fits = words.every((word) => haystack(name).includes(word)) && (!onlyChanged || place.classList.contains("differs"));
      place.classList.toggle("not-found", !fits);
      found += fits;
    }
    for (const section of document.querySelectorAll("#settings .section")) {
      const isEmpty = !section.querySelector("[id^=setting-]:not(.not-found)");
      section.classList.toggle("not-found", isEmpty);
      const jump = finder.querySelector(`[data-section="${section.id.replace("section-", "")}"]`);
      if (jump) jump.disabled = isEmpty;
    }
    finder.querySelector(".nothing").hidden = found > 0;
  };

  atelier.openSettings = (element) => {
    finder = element;
    const search = finder.querySelector(".search");
    search.placeholder = atelier.word("page.settings.find");
    search.setAttribute("aria-label", search.placeholder);
    search.oninput = () => known && filter();
    finder.querySelector(".nothing").textContent = atelier.word("page.settings.nothing");
    for (const jump of finder.querySelectorAll("[data-section]")) {
      jump.textContent = atelier.word(`section.${jump.dataset.section}`);
      jump.onclick = () => document.getElementById(`section-${jump.dataset.section}`).scrollIntoView({ behavior: "smooth" });
    }
    const only = finder.querySelector(".changed-only");
    only.onclick = () => {
      only.setAttribute("aria-pressed", only.getAttribute("aria-pressed") !== "true");
      if (known) filter();
    };
    setTimeout(() => {
      mark(); // the rest of the tab is there now
      put({}); // what the bar has changed before
    });
  };

  // --- the bar on top of every tab: a change there is saved at once

  const drawBar = () => {
    if (!bar) return;
    bar.replaceChildren(...known.quick.map(control));
    bar.closest("#quick").classList.toggle("empty", known.quick.length === 0);
  };

  const control = (setting) => {
    const label = make("label", { className: `quick ${setting.kind}`, title: atelier.word(`setting.${setting.name}.help`) });
    const field = INPUTS[setting.kind](setting);
    field.dataset.setting = setting.name;
    field.onchange = () => save(setting, field);
    show(field, known.values[setting.name]);
    label.append(make("span", { textContent: atelier.word(`setting.${setting.name}`) }), field);
    return label;
  };

  const number = ({ low, high, step }) => make("input", { type: "number", min: low, max: high, step, inputMode: "decimal" });
  const INPUTS = {
    switch: () => make("input", { type: "checkbox" }),
    choice: ({ choices }) => {
      const select = make("select");
      select.append(...choices.map(({ value, label, word }) => make("option", { value, textContent: word ? atelier.word(word) : label || value })));
      return select;
    },
    slider: number,
    number,
    text: () => make("input", { type: "text" }),
  };
  const show = (field, value) => (field.type === "checkbox" ? (field.checked = value) : (field.value = value));
  const held = (field) => {
    if (field.type === "checkbox") return field.checked;
    if (field.type === "number") return field.value === "" ? null : Number(field.value);
    return field.value;
  };

  const save = async ({ name }, field) => {
    const value = held(field);
    const answer = await atelier.ask("page/settings", { [name]: value });
    if (answer.error) show(field, known.values[name]);
    else {
      take(answer);
      put({ [name]: known.values[name] });
    }
    const label = atelier.word(`setting.${name}`);
    atelier.toast(answer.error ? answer.detail : atelier.word("page.settings.saved", { name: label }), answer.error);
  };

  atelier.openQuick = (element) => {
    bar = element;
    learn();
  };
}
