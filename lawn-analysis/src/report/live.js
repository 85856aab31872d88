// A sweep that runs: the section is asked for again and again, and the rest of the page once trials
// have ended that it does not know.
const section = document.getElementById("now");
const shownOver = document.getElementById("live").dataset.over;
let touched = false;
for (const kind of ["pointerdown", "keydown"]) addEventListener(kind, () => { touched = true; });
const said = document.createElement("p");
said.className = "muted";
section.append(said);
let before = "";
const renew = (text) => {
  if (text === before) return;
  before = text;
  const old = document.getElementById("live");
  const places = [...old.querySelectorAll(".scroll")].map((region) => [region.scrollLeft, region.scrollTop]);
  const focused = [...old.querySelectorAll(".scroll")].indexOf(document.activeElement);
  const parsed = new DOMParser().parseFromString(text, "text/html").getElementById("live");
  old.replaceWith(parsed);
  [...parsed.querySelectorAll(".scroll")].forEach((region, i) => {
    [region.scrollLeft, region.scrollTop] = places[i] ?? [0, 0];
    if (i === focused) region.focus({ preventScroll: true });
  });
};
const offer = (over) => {
  const more = Number(over) - Number(shownOver);
  if (said.querySelector("a") === null) {
    const link = document.createElement("a");
    link.href = "/";
    link.addEventListener("click", (event) => { event.preventDefault(); location.reload(); });
    said.replaceChildren("The report below is of the trials that were over when it was opened. ", link);
  }
  said.querySelector("a").textContent = more === 1
    ? "Show it with the one that has ended since" : `Show it with the ${more} that have ended since`;
};
const look = async () => {
  let text;
  try {
    const answer = await fetch("/now", { cache: "no-store" });
    if (!answer.ok) throw new Error(answer.statusText);
    text = await answer.text();
  } catch {
    said.textContent = "This page is not renewed any more: the command that served it has ended.";
    return;
  }
  renew(text);
  const { over, final } = document.getElementById("live").dataset;
  if (over !== shownOver) {
    // Whoever reads, sorts or has unfolded something decides by themselves.
    if (!touched) return location.reload();
    offer(over);
  }
  if (final === "true") {
    said.append(said.childNodes.length ? " " : "", "The sweep is over.");
    return;
  }
  setTimeout(look, document.hidden ? 10000 : 1500);
};
setTimeout(look, 1500);
