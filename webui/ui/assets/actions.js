// What can be done with the picture on the stage: enlarge it, take its settings, make it again.
{
  const PAUSE = 500; // milliseconds between two looks at a picture that is made again

  atelier.openActions = (stage) => {
    stage.querySelector(".enlarge").onclick = enlarge;
    stage.querySelector(".use").onclick = () => atelier.readText(atelier.shown().text);
    stage.querySelector(".remake").onclick = () => {
      const { job, index } = atelier.shown();
      return atelier.remake({ job, index });
    };
    const open = JSON.parse(atelier.recall("remake") ?? "null");
    if (open) follow(open);
  };

  const enlarge = () => {
    const { job, index } = atelier.shown();
    return atelier.order("page/enlarge", { job, index, values: atelier.values() });
  };

  // A picture of a job, or a file's {image: data URL}.
  atelier.remake = async (which) => {
    const answer = await atelier.order("page/remake", which);
    if (answer.error) return;
    atelier.toast(atelier.word("page.remake.works"));
    atelier.remember("remake", JSON.stringify(answer.id)); // the verdict is there after a reload, too
    follow(answer.id);
  };

  const follow = async (id) => {
    const answer = await atelier.look(`page/remake/${id}`);
    if (answer.error && answer.detail !== atelier.word("page.offline")) return;
    if (answer.error || ["queued", "running"].includes(answer.state)) setTimeout(() => follow(id), PAUSE);
    else atelier.judged({ job: id, equal: answer.equal, lines: answer.lines });
  };
}
