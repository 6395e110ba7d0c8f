// Runs before gradio does: whose browser this is, its language, its colours.
const atelier = {
  recall(name) {
    try { return localStorage.getItem(`atelier-${name}`); } catch { return null; } // storage may be forbidden
  },
  remember(name, value) {
    try { localStorage.setItem(`atelier-${name}`, value); } catch { /* then only until the page is left */ }
  },
  tell(name, value) {
    document.cookie = `atelier-${name}=${value}; path=/; max-age=31536000; SameSite=Strict`;
  },
};

{
  const random = () => Array.from(crypto.getRandomValues(new Uint8Array(12)), (b) => b.toString(16).padStart(2, "0")).join("");
  const client = atelier.recall("client") ?? random();
  atelier.remember("client", client);
  atelier.tell("client", client); // so that the server shows this browser its own jobs
}

{
  const ofBrowser = () => navigator.languages.map((l) => (/^zh/i.test(l) ? "zh-CN" : /^en/i.test(l) ? "en" : null)).find(Boolean);
  const chosen = atelier.recall("language");
  atelier.language = START.languages.includes(chosen) ? chosen : START.language ?? ofBrowser() ?? "en";
  atelier.tell("language", atelier.language);
  document.documentElement.lang = atelier.language;
  // gradio asks these two what to speak.
  Object.defineProperty(navigator, "language", { get: () => atelier.language });
  Object.defineProperty(navigator, "languages", { get: () => [atelier.language] });

  atelier.nextLanguage = () => {
    const { languages } = START;
    atelier.remember("language", languages[(languages.indexOf(atelier.language) + 1) % languages.length]);
    location.reload(); // the form and the running job are shown again
  };

  const words = () => window.gradio_config.i18n_translations[atelier.language];
  atelier.word = (code, blanks = {}) => words()[code].replace(/\{(\w+)\}/g, (blank, name) => blanks[name] ?? blank);
  // Parts of the page that are written as HTML: data-word is what they say, data-label what they are called.
  atelier.say = (element) => {
    for (const node of element.querySelectorAll("[data-word]")) node.textContent = atelier.word(node.dataset.word);
    for (const node of element.querySelectorAll("[data-label]")) {
      node.title = atelier.word(node.dataset.label);
      if (!node.dataset.word) node.setAttribute("aria-label", node.title);
    }
  };
}

{
  const system = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => ((atelier.recall("theme") ?? START.theme) || (system.matches ? "dark" : "light")) === "dark";
  const paint = () => {
    if (document.body && document.body.classList.contains("dark") !== isDark()) document.body.classList.toggle("dark");
    document.documentElement.style.colorScheme = isDark() ? "dark" : "light";
  };
  // gradio sets the class by the system alone; ours is put back before anything is drawn.
  const watch = new MutationObserver(() => {
    paint();
    if (document.body) watch.observe(document.body, { attributeFilter: ["class"] });
  });
  watch.observe(document.documentElement, { childList: true });
  system.addEventListener("change", paint);
  atelier.nextTheme = () => {
    atelier.remember("theme", isDark() ? "light" : "dark");
    paint();
  };
}
