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

// On paper nothing opens: whatever is folded is unfolded before printing, and folded again after.
let folded = [];
addEventListener("beforeprint", () => {
  folded = [...document.querySelectorAll("details:not([open])")];
  folded.forEach((details) => { details.open = true; });
});
addEventListener("afterprint", () => folded.forEach((details) => { details.open = false; }));

// Curves: drawn under the row of a trial when its button is pressed, taken away when pressed again.
const curves = document.getElementById("curves");
const data = curves ? JSON.parse(curves.textContent) : {};
const svg = (name, attributes, text) => {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  if (text !== undefined) element.textContent = text;
  return element;
};
const short = (value) => Number(value.toPrecision(4)).toString();
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
for (const button of document.querySelectorAll("button.trial")) {
  button.addEventListener("click", () => {
    const row = button.closest("tr");
    if (button.getAttribute("aria-expanded") === "true") {
      button.setAttribute("aria-expanded", "false");
      row.nextElementSibling.remove();
      return;
    }
    button.setAttribute("aria-expanded", "true");
    const { epoch, ...series } = data[button.dataset.trial];
    const grid = document.createElement("div");
    grid.className = "curves-grid";
    for (const [name, values] of Object.entries(series)) grid.append(spark(name, epoch, values));
    const cell = document.createElement("td");
    cell.colSpan = row.cells.length;
    cell.append(grid);
    const below = document.createElement("tr");
    below.className = "curves";
    below.append(cell);
    row.after(below);
  });
}
