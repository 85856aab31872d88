// Gives {faults, texts, marks, dark}: every text below 4.5 to 1 (3 to 1 where it is large), and every
// mark of a drawing below 3 to 1, against what lies behind it.
(() => {
  const parse = (colour) => {
    const [r, g, b, a = 1] = colour.match(/[\d.]+/g).map(Number);
    return [r, g, b, a];
  };
  const over = ([r, g, b, a], [R, G, B]) =>
    [[r, R], [g, G], [b, B]].map(([x, X]) => a * x + (1 - a) * X);
  const luminance = (colour) => {
    const [r, g, b] = colour.map((v) => v / 255)
      .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const contrast = (one, other) => {
    const [low, high] = [luminance(one), luminance(other)].sort((a, b) => a - b);
    return (high + 0.05) / (low + 0.05);
  };
  const style = (element, pseudo) => getComputedStyle(element, pseudo);
  const behind = (element) => {
    const layers = [];
    for (let e = element; e; e = e.parentElement) {
      const colour = parse(style(e).backgroundColor);
      if (colour[3] > 0) layers.push(colour);
      if (colour[3] === 1) break;
    }
    return layers.reverse().reduce((ground, layer) => over(layer, ground), [255, 255, 255]);
  };
  const faults = new Set();
  const fault = (element, ratio, text) => faults.add(
    `${ratio.toFixed(2)} ${element.tagName} ${element.getAttribute("class") ?? ""} ${text}`.slice(0, 100));

  // Texts: every element with letters of its own, and what the style sheet puts before and after.
  let texts = 0;
  const ownWords = (element) => [...element.childNodes]
    .filter((node) => node.nodeType === Node.TEXT_NODE).map((node) => node.data).join("").trim();
  for (const element of document.body.querySelectorAll(":not(svg *, script, style)")) {
    if (!element.checkVisibility()) continue;
    const judge = (look, words) => {
      const ground = behind(element);
      const ratio = contrast(over(parse(look.color), ground), ground);
      const size = parseFloat(look.fontSize);
      const large = size >= 24 || (size >= 18.66 && Number(look.fontWeight) >= 700);
      texts += 1;
      if (ratio < (large ? 3 : 4.5)) fault(element, ratio, words);
    };
    const words = ownWords(element);
    if (words) judge(style(element), words);
    for (const pseudo of ["::before", "::after"]) {
      const look = style(element, pseudo);
      if (!["none", "normal", '""'].includes(look.content)) judge(look, look.content);
    }
  }

  // Drawings: a text or mark stands on the page, or on the last opaque block under its middle.
  let marks = 0;
  const grid = parse(style(document.documentElement).getPropertyValue("--grid").trim()
    .replace(/^#(..)(..)(..)$/, (_, ...parts) => `rgb(${parts.slice(0, 3).map((p) => parseInt(p, 16))})`));
  const same = (one, other) => one.slice(0, 3).every((v, i) => Math.abs(v - other[i]) < 1);
  for (const svg of document.querySelectorAll("figure svg, .curves-grid svg")) {
    if (!svg.checkVisibility()) continue;
    const paper = behind(svg);
    const blocks = [];
    for (const element of svg.querySelectorAll("text, line, polyline, polygon, circle, rect, path")) {
      const look = style(element);
      const box = element.getBoundingClientRect();
      const middle = [(box.left + box.right) / 2, (box.top + box.bottom) / 2];
      const under = blocks.findLast(({ box }) => box.left <= middle[0] && middle[0] <= box.right
        && box.top <= middle[1] && middle[1] <= box.bottom);
      const ground = under?.colour ?? paper;
      const filled = look.fill !== "none" && !["line", "polyline"].includes(element.tagName);
      const ink = parse(filled ? look.fill : look.stroke);
      ink[3] *= Number(filled ? look.fillOpacity : look.strokeOpacity) * Number(look.opacity);
      const ratio = contrast(over(ink, ground), ground);
      if (element.tagName === "text") {
        texts += 1;
        if (ratio < 4.5) fault(element, ratio, element.textContent.trim());
        continue;
      }
      // The grid helps, and carries nothing; what has the colour of the paper is the hollow of an
      // open marker. Bands are told by their middle line or edges, cells by the number in them.
      if (same(ink, grid) || (filled && same(ink, paper))) continue;
      const large = box.width > 12 && box.height > 6;
      if (filled && large) {
        if (ink[3] > 0.9) blocks.push({ box, colour: over(ink, ground) });
        continue;
      }
      marks += 1;
      if (ratio < 3) fault(element, ratio, `${look.fill} ${look.stroke} on ${ground.map(Math.round)}`);
    }
  }
  return { faults: [...faults], texts, marks, dark: luminance(behind(document.body)) < 0.2 };
})()
