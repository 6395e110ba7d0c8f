// Saved styles: the editor, and putting them into the prompt.
{
  let dialog = null;
  let styles = [];
  const part = (name) => dialog.querySelector(`.${name}`);

  atelier.applyStyles = async (names, prompt, negative) => {
    const answer = await atelier.ask("page/styles/apply", { names: names ?? [], prompt, negative });
    if (!answer.error) return [[], answer.prompt, answer.negative];
    atelier.toast(answer.detail, true);
    return [names, prompt, negative];
  };

  atelier.editStyles = async () => {
    const answer = await atelier.look("page/styles");
    if (answer.error) return atelier.toast(answer.detail, true);
    styles = answer;
    choose(styles[0]);
    dialog.showModal();
  };

  const choose = (style) => {
    for (const name of ["name", "prompt", "negative"]) part(name).value = style?.[name] ?? "";
    part("why").textContent = "";
    part("delete").hidden = !style;
    const names = [...styles.map((each) => entry(each.name, each === style, each)), entry(`+ ${atelier.word("page.styles.new")}`, !style)];
    part("names").replaceChildren(...names);
  };
  const entry = (text, isChosen, style) => {
    const button = Object.assign(document.createElement("button"), { type: "button", textContent: text });
    button.setAttribute("aria-current", isChosen);
    button.onclick = () => {
      choose(style);
      part("name").focus();
    };
    return button;
  };

  const send = async (path, word) => {
    const style = Object.fromEntries(["name", "prompt", "negative"].map((name) => [name, part(name).value]));
    const answer = await atelier.ask(path, style);
    if (answer.error) return void (part("why").textContent = answer.detail);
    styles = answer;
    choose(styles.find((each) => each.name === style.name.trim()));
    part("why").textContent = "";
    part("said").textContent = atelier.word(word, { name: style.name.trim() });
    document.getElementById("styles-changed").click(); // the list in the form
  };

  atelier.openStyles = (element) => {
    dialog = element.querySelector("dialog");
    atelier.say(dialog);
    part("delete").onclick = () => send("page/styles/delete", "page.styles.deleted");
    part("style").onsubmit = (event) => {
      event.preventDefault();
      send("page/styles", "page.styles.saved");
    };
  };
}
