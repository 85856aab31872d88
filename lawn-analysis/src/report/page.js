"use strict";
// Sorting: each heading is a button; numbers sort as numbers, absent values stay last.
for (const table of document.querySelectorAll("table.sortable")) {
  const headings = [...table.tHead.rows[0].cells];
  headings.forEach((heading, column) => {
    heading.querySelector("button").addEventListener("click", () => {
      const rising = heading.getAttribute("aria-sort") !== "ascending";
      headings.forEach((other) => other.removeAttribute("aria-sort"));
      heading.setAttribute("aria-sort", rising ? "ascending" : "descending");
      table.querySelectorAll("button.trial[aria-expanded=true]").forEach((open) => open.click());
      const key = (row) => row.cells[column].dataset.value ?? row.cells[column].textContent;
      const number = heading.classList.contains("number");
      const body = table.tBodies[0];
      const rows = [...body.rows].sort((a, b) => {
        const [x, y] = [key(a), key(b)];
        if (x === "" || y === "") return (x === "") - (y === "");
        const order = number ? Number(x) - Number(y) : x.localeCompare(y, "en", { numeric: true });
        return rising ? order : -order;
      });
      body.append(...rows);
    });
  });
}

// The numbers of a figure: a table made of its CSV when it is asked for.
const cellsOf = (csv) => {
  const rows = [[]];
  // A field is in quotes, where two quotes stand for one, or without; its end follows.
  const field = /(?:"((?:[^"]|"")*)"|([^",\n]*))(,|\r?\n|$)/gy;
  for (let found = field.exec(csv); found !== null; found = field.exec(csv)) {
    rows[rows.length - 1].push(found[1]?.replaceAll('""', '"') ?? found[2]);
    if (found[3] === "" || field.lastIndex === csv.length) break;
    if (found[3] !== ",") rows.push([]);
  }
  return rows;
};
// Numbers of five digits and more get separators of thousands, as everywhere on the page.
const grouped = (text) => text.replace(/^-?\d{5,}(?=\.|$)/,
  (whole) => whole.replace(/\B(?=(\d{3})+$)/g, ","));
const tableOf = ([names, ...rows], label) => {
  const table = document.createElement("table");
  table.createCaption().textContent = label;
  const head = table.createTHead().insertRow();
  for (const name of names) {
    const heading = document.createElement("th");
    heading.scope = "col";
    heading.textContent = name.replaceAll("_", " ");
    head.append(heading);
  }
  const body = table.createTBody();
  for (const row of rows) {
    const line = body.insertRow();
    for (const value of row) {
      const cell = line.insertCell();
      cell.textContent = grouped(value);
      if (value !== "" && !Number.isNaN(Number(value))) cell.className = "number";
    }
  }
  return table;
};
for (const details of document.querySelectorAll("details.numbers")) {
  details.addEventListener("toggle", () => {
    const region = details.querySelector(".scroll");
    if (region.hasChildNodes()) return;
    const link = details.parentElement.querySelector("a[download]");
    const csv = decodeURIComponent(link.href.slice(link.href.indexOf(",") + 1));
    region.append(tableOf(cellsOf(csv), region.getAttribute("aria-label")));
  });
}

// Nothing opens on paper, so folded parts are unfolded for printing and folded again afterwards.
let folded = [];
addEventListener("beforeprint", () => {
  folded = [...document.querySelectorAll("details:not([open], .no-print)")];
  folded.forEach((details) => { details.open = true; });
});
addEventListener("afterprint", () => folded.forEach((details) => { details.open = false; }));

// Curves: the page carries all trials packed, in the format of `drill.rs`, and unpacks them on opening.
const packed = document.getElementById("curves");
const unpack = async () => {
  const deflated = Uint8Array.from(atob(packed.textContent), (c) => c.charCodeAt(0));
  const stream = new Blob([deflated]).stream().pipeThrough(new DecompressionStream("deflate"));
  const bytes = new Uint8Array(await new Response(stream).arrayBuffer());
  const length = new DataView(bytes.buffer).getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(4, 4 + length)));
  let next = 4 + length;
  const trials = header.trials.map(
    ([id, task, arm, batch, confirmed, setting, seed, outcome, test, train, epochs, ...ends]) => {
      const trial = { id, task, arm, batch, confirmed, setting, seed, test, train };
      trial.outcome = header.outcomes[outcome];
      trial.metric = header.tasks[task][1];
      trial.ends = ends;
      trial.epochs = epochs === undefined ? [] : header.epochs[epochs];
      trial.start = next;
      next += (ends.length / 2) * trial.epochs.length;
      return trial;
    });
  const series = (trial) => {
    const names = ["training loss", `validation ${trial.metric}`, "mean |logit|"];
    let at = trial.start;
    return names.slice(0, trial.ends.length / 2).map((name, i) => {
      const [low, high] = [trial.ends[2 * i], trial.ends[2 * i + 1]];
      let level = 0;
      const values = trial.epochs.map(() => {
        level = (level + bytes[at++]) & 255;
        return level === 255 ? null : low + ((high - low) * level) / 254;
      });
      return [name, values];
    });
  };
  return { ...header, trials, series, byId: new Map(trials.map((trial) => [trial.id, trial])) };
};
const svg = (name, attributes, text) => {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  if (text !== undefined) element.textContent = text;
  return element;
};
const short = (value) => grouped(Number(value.toPrecision(4)).toString());
const spark = (name, epochs, values) => {
  const seen = values.filter((value) => value !== null);
  const figure = svg("svg", { viewBox: "0 0 240 96", role: "img" });
  figure.append(svg("title", {}, name), svg("text", { x: 2, y: 10 }, name));
  if (seen.length === 0) {
    figure.append(svg("text", { x: 2, y: 50 }, "nothing recorded"));
    return figure;
  }
  const [low, high] = [Math.min(...seen), Math.max(...seen)];
  const [first, last] = [epochs[0], epochs[epochs.length - 1]];
  const x = (epoch) => 46 + (190 * (epoch - first)) / Math.max(last - first, 1);
  const y = (value) => 80 - (62 * (value - low)) / (high - low || 1);
  figure.append(svg("line", { x1: 46, y1: 80, x2: 236, y2: 80 }));
  // A value that is not finite breaks the line.
  let run = [];
  const flush = () => {
    if (run.length) figure.append(svg("polyline", { points: run.join(" ") }));
    run = [];
  };
  values.forEach((value, i) => (value === null ? flush() : run.push(`${x(epochs[i])},${y(value)}`)));
  flush();
  figure.append(
    svg("text", { x: 42, y: 22, "text-anchor": "end" }, short(high)),
    svg("text", { x: 42, y: 82, "text-anchor": "end" }, short(low)),
    svg("text", { x: 46, y: 92 }, `epoch ${first}`),
    svg("text", { x: 236, y: 92, "text-anchor": "end" }, String(last)),
  );
  return figure;
};
const drawn = (data, trial) => {
  const grid = document.createElement("div");
  grid.className = "curves-grid";
  for (const [name, values] of data.series(trial)) grid.append(spark(name, trial.epochs, values));
  return grid;
};

// In the table, the button of a trial shows its curves under its row, and hides them again.
const open = (data, button) => {
  const row = button.closest("tr");
  if (button.getAttribute("aria-expanded") === "true") {
    button.setAttribute("aria-expanded", "false");
    row.nextElementSibling.remove();
    return;
  }
  button.setAttribute("aria-expanded", "true");
  const cell = document.createElement("td");
  cell.colSpan = row.cells.length;
  cell.append(drawn(data, data.byId.get(button.dataset.trial)));
  const below = document.createElement("tr");
  below.className = "curves";
  below.append(cell);
  row.after(below);
};

// Escape closes the curves around or below the focus, which then returns to their button.
addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  const row = event.target.closest?.("tbody tr");
  const button = (row?.classList.contains("curves") ? row.previousElementSibling : row)
    ?.querySelector("button.trial[aria-expanded=true]");
  const chosen = document.getElementById("chosen");
  if (button) {
    button.click();
    button.focus();
  } else if (event.target.closest?.("#chooser")) {
    chosen.replaceChildren();
  }
});

// In the form, task, arm and batch size narrow down the choice of trials.
const choose = (data, form) => {
  const [task, arm, batch, trial] = form.querySelectorAll("select");
  const fill = (select, choices) => {
    const before = select.value;
    select.replaceChildren(...choices.map(([value, text]) => new Option(text, value)));
    if (choices.some(([value]) => String(value) === before)) select.value = before;
  };
  const distinct = (trials, key, name) =>
    [...new Set(trials.map((one) => one[key]))].map((value) => [value, name(value)]);
  const narrow = () => {
    fill(task, distinct(data.trials, "task", (value) => data.tasks[value][0]));
    let left = data.trials.filter((one) => one.task === Number(task.value));
    fill(arm, distinct(left, "arm", (value) => data.arms[value]));
    left = left.filter((one) => one.arm === Number(arm.value));
    fill(batch, distinct(left, "batch", (size) => grouped(String(size))));
    left = left.filter((one) => one.batch === Number(batch.value));
    fill(trial, left.map((one) => [one.id,
      one.confirmed ? `seed ${one.seed}` : `tuning, setting ${one.setting}, seed ${one.seed}`]));
  };
  const show = (event) => {
    event.preventDefault();
    const one = data.byId.get(trial.value);
    const number = (name, value) => (value === null ? "" : `; ${name} ${one.metric} ${short(value)}`);
    const words = document.createElement("p");
    words.textContent = `${one.id}: ${one.outcome}${number("test", one.test)}${number("train", one.train)}`
      + (one.epochs.length ? "" : "; no curve was recorded");
    document.getElementById("chosen").replaceChildren(words, drawn(data, one));
  };
  narrow();
  form.addEventListener("change", narrow);
  form.addEventListener("submit", show);
  form.hidden = false;
};

if (packed) {
  const buttons = [...document.querySelectorAll("button.trial")];
  const ready = unpack();
  for (const button of buttons) {
    button.addEventListener("click", () => ready.then((data) => open(data, button)));
  }
  ready.then((data) => choose(data, document.getElementById("chooser")), () => {
    // Browsers from before 2023 cannot unpack. Buttons that would do nothing are disabled there.
    buttons.forEach((button) => { button.disabled = true; });
    document.getElementById("chosen").textContent =
      "This browser is too old to show the curves; records/epochs.parquet holds them.";
  });
}
