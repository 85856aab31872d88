// Gives [what was checked, whether it held] of the open page.
(async () => {
  const seen = [];
  const check = (name, ok) => seen.push([name, Boolean(ok)]);
  // What is packed is unpacked off the main thread.
  const until = async (holds) => {
    for (let tries = 0; tries < 400 && !holds(); tries += 1) {
      await new Promise((go) => setTimeout(go, 25));
    }
  };
  const root = document.documentElement;
  const fits = () => root.scrollWidth <= innerWidth;
  check("no sideways overflow", fits());
  const narrow = innerWidth <= 640;
  const display = (name) => getComputedStyle(document.querySelector(name)).display;
  check("the figure fits the width", (display("figure svg.narrow") === "block") === narrow
    && (display("figure svg.wide") === "none") === narrow);

  // Beside its sentence or above it, the longest of them too.
  const verdict = document.querySelector(".answers .verdict");
  const word = verdict.textContent;
  verdict.textContent = "opposite borne out";
  check("verdicts lie on no sentence", fits() && [...document.querySelectorAll(".answers li")].every((answer) => {
    const text = document.createRange();
    text.selectNodeContents(answer.children[0]);
    const [of, sentence] = [text.getBoundingClientRect(), answer.children[1].getBoundingClientRect()];
    return of.right <= sentence.left || of.bottom <= sentence.top + 1;
  }));
  verdict.textContent = word;

  // At a desk's width no table with a verdict scrolls sideways; at any, the verdict stands first.
  const decided = [...document.querySelectorAll("table.decided")];
  check("no verdict hides", decided.length >= 3 && decided.every((one) => {
    const region = one.parentElement;
    const cell = one.tBodies[0].rows[0].cells[0];
    return one.tHead.rows[0].cells[0].textContent.trim() === "verdict"
      && cell.getBoundingClientRect().right <= region.getBoundingClientRect().right
      && (innerWidth < 1280 || region.scrollWidth <= region.clientWidth);
  }));
  const answer = document.querySelector("main section");
  check("the answer comes first", answer.id === "answer" && answer.querySelector(".answers li")
    && answer.querySelector("figure") && answer.querySelector("a[href='#feasibility']"));

  const table = document.getElementById("table-comparisons");
  const heading = [...table.tHead.rows[0].cells].find((c) => c.textContent.trim() === "advantage");
  const column = heading.cellIndex;
  const values = () => [...table.tBodies[0].rows].map((row) => row.cells[column].dataset.value)
    .filter((value) => value !== "").map(Number);
  const sorted = (list, sign) => list.every((v, i) => i === 0 || sign * (v - list[i - 1]) >= 0);
  const before = values();
  check("several rows", before.length > 5 && !sorted(before, 1));
  heading.querySelector("button").click();
  check("rises", sorted(values(), 1) && heading.getAttribute("aria-sort") === "ascending");
  heading.querySelector("button").click();
  check("falls", sorted(values(), -1) && heading.getAttribute("aria-sort") === "descending");

  const button = document.querySelector("button.trial");
  const curves = () => document.querySelectorAll("tr.curves svg").length;
  button.click();
  await until(() => curves() === 3);
  // A diverged trial may have no validation metric, so one of its three curves may be empty.
  check("curves open", curves() === 3 && button.getAttribute("aria-expanded") === "true"
    && document.querySelectorAll("tr.curves polyline").length >= 2);
  check("no overflow with curves", fits());
  button.click();
  await until(() => curves() === 0);
  check("curves close", curves() === 0);

  // By choice: another arm narrows the trials down, and keeps the batch size.
  const form = document.getElementById("chooser");
  const [, arm, batch, trial] = form.querySelectorAll("select");
  const first = trial.value;
  batch.value = batch.options[1].value;
  arm.value = arm.options[1].value;
  arm.dispatchEvent(new Event("change", { bubbles: true }));
  check("the choice narrows", trial.value !== first && batch.selectedIndex === 1
    && trial.options.length > 10 && /^seed \d+$/.test(trial.options[0].text)
    && [...trial.options].some((option) => option.text.startsWith("tuning, setting")));
  form.requestSubmit();
  const chosen = document.getElementById("chosen");
  check("a chosen trial is shown",
    chosen.textContent.includes(trial.value + ": ok; test hit rate 0.")
    && chosen.querySelectorAll("svg polyline").length === 3);
  check("no overflow with a chosen trial", fits());

  // The numbers of each figure, made from the CSV that its link saves.
  const plainly = (text) => text.replace(/(\d),(?=\d{3})/g, "$1");
  const numbers = [...document.querySelectorAll("details.numbers")];
  numbers.forEach((details) => { details.open = true; });
  await until(() => numbers.every((details) => details.querySelector("table")));
  check("every figure has its numbers", numbers.length === document.querySelectorAll("figure").length
    && numbers.every((details) => {
      const csv = decodeURIComponent(details.parentElement.querySelector("a[download]").href.split(/,(.*)/s)[1]);
      const lines = csv.trimEnd().split("\n");
      const read = details.querySelector("table");
      const last = [...read.rows].at(-1);
      const plain = lines.every((line) => !line.includes('"'));
      return read.rows.length === lines.length && read.caption.textContent
        && [...read.rows].every((row) => row.cells.length === read.rows[0].cells.length)
        && (!plain || [...last.cells].map((cell) => plainly(cell.textContent)).join(",") === lines.at(-1));
    }));
  check("no overflow with numbers", fits());
  // Separators of thousands are for readers: values and files have none.
  check("thousands are told apart",
    [...batch.options].some((option) => option.text === "65,536" && option.value === "65536")
    && [...document.querySelectorAll("details.numbers td")].some((cell) => cell.textContent === "65,536")
    && ![...document.querySelectorAll("main *")].some((e) => e.childElementCount === 0
      && !["SCRIPT", "STYLE"].includes(e.tagName) && /\b65536\b/.test(e.textContent)
      && !/sample-/.test(e.textContent)));
  numbers.forEach((details) => { details.open = false; });

  const levels = [...document.querySelectorAll("h1, h2, h3, h4")].map((h) => Number(h.tagName[1]));
  const words = [...document.querySelectorAll("h1, h2, h3, h4")].map((h) => h.textContent.trim());
  check("headings step by one and are told apart",
    levels.every((level, i) => i === 0 ? level === 1 : level > 1 && level - levels[i - 1] <= 1)
    && words.every(Boolean) && new Set(words).size === words.length);
  check("pictures have words", [...document.querySelectorAll("figure svg")].every((s) =>
    s.getAttribute("role") === "img" && s.querySelector("title").textContent
    && s.querySelector("desc").textContent.length > 40));
  check("downloads", document.querySelectorAll("a[download]").length > 5);

  const folded = () => document.querySelectorAll("details:not([open], .no-print)").length;
  const closed = folded();
  dispatchEvent(new Event("beforeprint"));
  const unfolded = folded();
  dispatchEvent(new Event("afterprint"));
  check("print unfolds and folds again", closed > 0 && unfolded === 0 && folded() === closed);
  return seen;
})()
