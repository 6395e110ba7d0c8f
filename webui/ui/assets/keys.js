// The keyboard: generate, skip, interrupt; and weights and places of words in a prompt, as sd-webui has them.
{
  const PROMPTS = "#field-prompts-prompt, #field-prompts-negative, #field-hires-prompt, #field-hires-negative";
  const CLOSING = { "(": ")", "[": "]", "<": ">" };

  // --- finding what the cursor stands in. Ranges are [from, to) in the text.

  const isEscaped = (text, at) => {
    let before = at;
    while (text[before - 1] === "\\") before -= 1;
    return (at - before) % 2 === 1;
  };

  // The innermost brackets around [from, to): {open, from, to}, where from and to lie just inside of them.
  const around = (text, from, to) => {
    const open = []; // brackets not yet closed
    for (let at = 0; at < text.length; at += 1) {
      if (isEscaped(text, at)) continue;
      if (text[at] in CLOSING) open.push(at);
      const last = open.at(-1);
      if (last === undefined || text[at] !== CLOSING[text[last]]) continue;
      open.pop();
      if (last < from && to <= at) return { open: text[last], from: last + 1, to: at };
    }
    return null;
  };

  const wordAt = (text, at, delimiters) => {
    const isPart = (sign) => sign !== undefined && !delimiters.includes(sign) && !/\s/.test(sign);
    let from = at;
    let to = at;
    while (isPart(text[from - 1])) from -= 1;
    while (isPart(text[to])) to += 1;
    return { from, to };
  };

  // --- weights

  const plain = (number) => String(parseFloat(number.toFixed(4)));

  // {from, to, text, select: [from, to]}: what to put where, and what is chosen afterwards; null: nothing to weigh.
  const weighed = (text, from, to, up, keys) => {
    if (from !== to && text[from] in CLOSING && text[to - 1] === CLOSING[text[from]]) [from, to] = [from + 1, to - 1];
    const block = around(text, from, to);
    const inner = block && text.slice(block.from, block.to);
    if (block?.open === "<") return weighedTag(block, inner, up ? keys.extra : -keys.extra);
    const [, body, written] = /^([^]*?)(?::\s*([+-]?(?:\d+\.?\d*|\.\d+)))?\s*$/.exec(inner ?? "");
    const isWhole = block && (from === to || (from === block.from && to === block.from + body.length) || to === block.to);
    const step = up ? keys.attention : -keys.attention;
    if (!isWhole) {
      if (from === to) ({ from, to } = wordAt(text, from, keys.delimiters));
      return from === to ? null : bracketed(from, to, text.slice(from, to), 1 + step);
    }
    const isNumbered = block.open === "(" && written !== undefined;
    const weight = isNumbered ? Number(written) : block.open === "(" ? 1.1 : 0.9;
    return bracketed(block.from - 1, block.to + 1, isNumbered ? body : inner, weight + step);
  };

  const bracketed = (from, to, body, weight) => {
    if (plain(weight) === "1") return { from, to, text: body, select: [from, from + body.length] };
    return { from, to, text: `(${body}:${plain(weight)})`, select: [from + 1, from + 1 + body.length] };
  };

  // <lora:name:0.8>: its first number; a tag without one weighs 1.
  const weighedTag = (block, inner, step) => {
    const [kind, name, ...rest] = inner.split(":");
    if (name === undefined) return null;
    const at = rest.findIndex((each) => each.trim() && !Number.isNaN(Number(each)));
    const weight = plain((at < 0 ? 1 : Number(rest[at])) + step);
    const text = [kind, name, ...(at < 0 ? [weight, ...rest] : rest.with(at, weight))].join(":");
    return { from: block.from, to: block.to, text, select: [block.from + kind.length + 1, block.from + kind.length + 1 + name.length] };
  };

  // --- places

  // Swaps the item between commas at the cursor with its neighbour; brackets hold their own items together.
  const moved = (text, from, to, right) => {
    const block = around(text, from, to) ?? { from: 0, to: text.length };
    const items = [];
    let begin = block.from;
    for (let at = block.from, depth = 0; at <= block.to; at += 1) {
      if (!isEscaped(text, at)) depth += text[at] in CLOSING ? 1 : Object.values(CLOSING).includes(text[at]) ? -1 : 0;
      if (at === block.to || (text[at] === "," && depth <= 0)) {
        items.push({ from: begin, to: at });
        begin = at + 1;
      }
    }
    const index = items.findIndex((item) => from <= item.to);
    const [a, b] = right ? [items[index], items[index + 1]] : [items[index - 1], items[index]];
    if (!a || !b) return null;
    const [left, other] = [a, b].map((item) => /^(\s*)([^]*?)(\s*)$/.exec(text.slice(item.from, item.to)));
    const first = left[1] + other[2] + left[3];
    const start = right ? a.from + first.length + 1 + other[1].length : a.from + left[1].length;
    const length = (right ? left : other)[2].length;
    return { from: a.from, to: b.to, text: `${first},${other[1]}${left[2]}${other[3]}`, select: [start, start + length] };
  };

  // --- doing it, so that it can be undone

  const edit = (area, change) => {
    if (!change) return;
    area.setSelectionRange(change.from, change.to);
    document.execCommand("insertText", false, change.text);
    area.setSelectionRange(...change.select);
  };

  const inPrompt = (event) => {
    const { target: area, key } = event;
    if (area?.tagName !== "TEXTAREA" || !area.closest(PROMPTS)) return false;
    const { value, selectionStart: from, selectionEnd: to } = area;
    if ((event.ctrlKey || event.metaKey) && ["ArrowUp", "ArrowDown"].includes(key)) {
      edit(area, weighed(value, from, to, key === "ArrowUp", atelier.keys()));
    } else if (event.altKey && ["ArrowLeft", "ArrowRight"].includes(key)) {
      edit(area, moved(value, from, to, key === "ArrowRight"));
    } else {
      return false;
    }
    return true;
  };

  const isOpenList = (target) => target?.getAttribute?.("aria-expanded") === "true";
  const onPage = (event) => {
    const generate = document.getElementById("generate");
    if (!generate?.checkVisibility()) return false; // another tab is open
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) generate.click();
    else if (event.key === "Enter" && event.altKey) atelier.skip();
    else return false;
    return true;
  };

  document.addEventListener("keydown", (event) => {
    if (document.querySelector("dialog[open]")) return;
    if (inPrompt(event) || onPage(event)) event.preventDefault();
    else if (event.key === "Escape" && !document.fullscreenElement && !isOpenList(event.target)) atelier.interrupt();
  });
}
