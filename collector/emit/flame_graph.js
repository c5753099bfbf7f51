// The flame graph's behaviour. Every box has its place in nanoseconds (data-x, data-w), its depth
// (data-d) and what it shows (data-n); its rectangles have their part of it (data-a to data-b).
(() => {
  "use strict";
  const svg = document.documentElement;
  const number = (element, name) => Number(element.getAttribute(name));
  const left = number(svg, "data-left");
  const width = number(svg, "data-width");
  const boxes = Array.from(document.getElementById("boxes").children, (element) => ({
    element,
    x: number(element, "data-x"),
    w: number(element, "data-w"),
    d: number(element, "data-d"),
    name: element.getAttribute("data-n"),
    text: element.querySelector("text"),
    parts: Array.from(element.querySelectorAll("rect"), (rect) => ({
      rect,
      a: number(rect, "data-a"),
      b: number(rect, "data-b"),
      fill: rect.getAttribute("fill"),
    })),
    title: element.querySelector("title").textContent,
    shown: true,
  }));
  const details = document.getElementById("details");
  const matched = document.getElementById("matched");
  const reset = document.getElementById("reset");
  const axis = document.getElementById("axis");
  const field = document.getElementById("search");
  let zoomed = boxes[0];
  let current = boxes[0];

  const duration = (ns) => {
    for (const [unit, size] of [["s", 1e9], ["ms", 1e6], ["\u00b5s", 1e3]]) {
      if (ns >= size) return Number((ns / size).toPrecision(3)) + " " + unit;
    }
    return Math.round(ns) + " ns";
  };

  const niceStep = (range) => {
    const raw = range / 8;
    const power = 10 ** Math.floor(Math.log10(raw));
    return [1, 2, 5, 10].map((factor) => factor * power).find((step) => step >= raw);
  };

  const drawAxis = (range) => {
    axis.replaceChildren();
    const step = niceStep(range);
    for (let i = 0; i * step <= range * 1.0001; ++i) {
      const x = left + (i * step / range) * width;
      const line = document.createElementNS(svg.namespaceURI, "path");
      line.setAttribute("d", `M${x} 58v6`);
      line.setAttribute("stroke", "#555");
      const label = document.createElementNS(svg.namespaceURI, "text");
      label.setAttribute("x", x);
      label.setAttribute("y", 54);
      label.setAttribute("text-anchor", i === 0 ? "start" : x > left + width - 30 ? "end" : "middle");
      label.textContent = i === 0 ? "0" : duration(i * step);
      axis.append(line, label);
    }
  };

  const place = (box, x, w, faded) => {
    box.shown = w >= 0.3;
    box.element.setAttribute("display", box.shown ? "inline" : "none");
    if (!box.shown) return;
    box.element.setAttribute("opacity", faded ? "0.5" : "1");
    for (const { rect, a, b } of box.parts) {
      rect.setAttribute("x", x + a * w);
      rect.setAttribute("width", Math.max(0, (b - a) * w - (b === 1 && w > 2 ? 0.5 : 0)));
    }
    const fits = Math.floor((w - 6) / 6.7);
    box.text.setAttribute("x", x + 3);
    box.text.textContent =
      fits < 3 ? "" : box.name.length <= fits ? box.name : box.name.slice(0, fits - 1) + "\u2026";
  };

  const zoom = (box) => {
    zoomed = box;
    const range = box.w;
    for (const other of boxes) {
      if (other.d < box.d && other.x <= box.x && other.x + other.w >= box.x + box.w) {
        place(other, left, width, true);
      } else if (other.d >= box.d && other.x >= box.x && other.x + other.w <= box.x + box.w) {
        place(other, left + ((other.x - box.x) / range) * width, (other.w / range) * width, false);
      } else {
        place(other, 0, 0, false);
      }
    }
    drawAxis(range);
    reset.setAttribute("visibility", box === boxes[0] ? "hidden" : "visible");
  };

  const tell = (box) => {
    details.textContent = box.title.replaceAll("\n", "   ");
  };

  const focus = (box) => {
    if (box === undefined) return;
    current.element.setAttribute("tabindex", "-1");
    current = box;
    box.element.setAttribute("tabindex", "0");
    box.element.focus();
    tell(box);
  };

  const within = (outer, inner) => inner.x >= outer.x && inner.x + inner.w <= outer.x + outer.w;
  const next = {
    ArrowDown: () => boxes.find((box) => box.shown && box.d === current.d + 1 && within(current, box)),
    ArrowUp: () => boxes.find((box) => box.shown && box.d === current.d - 1 && within(box, current)),
    ArrowRight: () =>
      boxes.filter((box) => box.shown && box.d === current.d && box.x > current.x)
        .sort((a, b) => a.x - b.x)[0],
    ArrowLeft: () =>
      boxes.filter((box) => box.shown && box.d === current.d && box.x < current.x)
        .sort((a, b) => b.x - a.x)[0],
    Home: () => zoomed,
  };

  const search = (text) => {
    let test = () => false;
    if (text !== "") {
      try {
        const pattern = new RegExp(text, "i");
        test = (name) => pattern.test(name);
      } catch {
        test = (name) => name.toLowerCase().includes(text.toLowerCase());
      }
    }
    const found = [];
    for (const box of boxes) {
      const is = box !== boxes[0] && test(box.name);
      for (const part of box.parts) part.rect.setAttribute("fill", is ? "#e040c8" : part.fill);
      if (is) found.push(box);
    }
    // What is below a match counts with it.
    let time = 0;
    let end = 0;
    found.sort((a, b) => a.x - b.x || b.w - a.w);
    for (const box of found) {
      if (box.x >= end) {
        time += box.w;
        end = box.x + box.w;
      }
    }
    matched.textContent =
      text === "" ? "" : `${found.length} matches, ${((100 * time) / boxes[0].w).toFixed(1)}%`;
  };

  for (const box of boxes) {
    box.element.addEventListener("click", () => {
      zoom(box);
      focus(box);
    });
    box.element.addEventListener("mouseenter", () => tell(box));
  }
  svg.addEventListener("keydown", (event) => {
    if (event.target === field) {
      if (event.key === "Escape") {
        field.value = "";
        search("");
        focus(current);
      }
      return;
    }
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    if (event.key === "/") {
      field.focus();
    } else if (event.key === "Escape" || (event.target === reset && event.key === "Enter")) {
      zoom(boxes[0]);
      focus(boxes[0]);
    } else if (event.key === "Enter" || event.key === " ") {
      zoom(current);
    } else if (event.key in next) {
      focus(next[event.key]());
    } else {
      return;
    }
    event.preventDefault();
  });
  reset.addEventListener("click", () => zoom(boxes[0]));
  field.addEventListener("input", () => search(field.value));
  document.getElementById("controls").setAttribute("visibility", "visible");
  boxes[0].element.setAttribute("tabindex", "0");
  zoom(boxes[0]);
})();
