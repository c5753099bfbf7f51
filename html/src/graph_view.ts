// A call graph: zoomed by buttons and Ctrl+wheel, moved by dragging. Sizes are set
// through the object model, which the page's content security policy lets pass.
import {el} from './dom';

const CSS_PX_PER_PT = 96 / 72; // Graphviz's units are points
const STEP = 1.25;
const SMALLEST = 0.05;
const LARGEST = 8;
// Graphviz writes 10 pt and more; below this part of it text is too small to read.
const READABLE = 0.8;
const CLICK_PX = 4; // a hand is not that steady

class GraphView {
  private scale = 1;
  private readonly width: number;

  constructor(
    private readonly area: HTMLElement,
    private readonly svg: SVGSVGElement,
  ) {
    this.width = svg.viewBox.baseVal.width * CSS_PX_PER_PT;
    this.area.addEventListener('wheel', (event) => this.wheel(event), {passive: false});
    this.area.addEventListener('pointerdown', (event) => this.drag(event));
    this.open();
  }

  // About the point of the area that stays where it is; its middle unless told.
  zoom(scale: number, x = this.area.clientWidth / 2, y = this.area.clientHeight / 2): void {
    const next = Math.min(LARGEST, Math.max(SMALLEST, scale));
    const ratio = next / this.scale;
    const box = this.area.getBoundingClientRect();
    const before = this.svg.getBoundingClientRect();
    this.scale = next;
    this.svg.style.width = `${this.width * next}px`;
    const after = this.svg.getBoundingClientRect();
    this.area.scrollBy(
      after.left - (box.left + x - (box.left + x - before.left) * ratio),
      after.top - (box.top + y - (box.top + y - before.top) * ratio),
    );
  }

  by(factor: number): void {
    this.zoom(this.scale * factor);
  }

  fit(): void {
    this.zoom(Math.min(1, this.fitted()));
  }

  // Fitted where that can be read, else at a readable size with a root in the middle.
  private open(): void {
    const fitted = this.fitted();
    this.zoom(fitted >= READABLE ? Math.min(1, fitted) : 1);
    this.area.scrollTo(this.rootMiddle() - this.area.clientWidth / 2, 0);
  }

  // Of the function at the top, from the left edge of the drawing: a wide graph's is not in its middle.
  private rootMiddle(): number {
    const left = this.area.getBoundingClientRect().left - this.area.scrollLeft;
    const boxes = Array.from(this.svg.querySelectorAll('.node'), (node) => node.getBoundingClientRect());
    const top = Math.min(...boxes.map((box) => box.top));
    const roots = boxes.filter((box) => box.top < top + 4).sort((a, b) => b.width - a.width);
    const root = roots[0];
    return root ? (root.left + root.right) / 2 - left : this.area.scrollWidth / 2;
  }

  private fitted(): number {
    const style = getComputedStyle(this.area);
    const padding = parseFloat(style.paddingLeft) + parseFloat(style.paddingRight);
    return (this.area.clientWidth - padding) / this.width;
  }

  private wheel(event: WheelEvent): void {
    if (!event.ctrlKey) {
      return;
    }
    event.preventDefault();
    const box = this.area.getBoundingClientRect();
    const factor = Math.exp(-event.deltaY / 400);
    this.zoom(this.scale * factor, event.clientX - box.left, event.clientY - box.top);
  }

  // Touch scrolls by itself.
  private drag(down: PointerEvent): void {
    const box = this.area.getBoundingClientRect();
    const onScrollBar =
      down.clientX - box.left > this.area.clientWidth || down.clientY - box.top > this.area.clientHeight;
    if (down.pointerType !== 'mouse' || down.button !== 0 || onScrollBar) {
      return;
    }
    const from = {x: down.clientX, y: down.clientY};
    const left = this.area.scrollLeft + down.clientX;
    const top = this.area.scrollTop + down.clientY;
    // Captured only once it moves: a click is for what is below it.
    const move = (event: PointerEvent) => {
      if (!this.area.hasPointerCapture(down.pointerId)) {
        if (Math.hypot(event.clientX - from.x, event.clientY - from.y) < CLICK_PX) {
          return;
        }
        this.area.classList.add('dragged');
        this.area.setPointerCapture(down.pointerId);
      }
      this.area.scrollTo(left - event.clientX, top - event.clientY);
    };
    const end = () => {
      this.area.classList.remove('dragged');
      this.area.removeEventListener('pointermove', move);
    };
    this.area.addEventListener('pointermove', move);
    window.addEventListener('pointerup', end, {once: true});
    this.area.addEventListener('lostpointercapture', end, {once: true});
  }
}

export function showGraph(graph: HTMLElement, more: HTMLElement[]): void {
  const area = graph.querySelector<HTMLElement>('.drawing');
  const svg = area?.querySelector('svg');
  if (!area || !svg) {
    return;
  }
  const view = new GraphView(area, svg);
  const button = (name: string, label: string, action: () => void) => {
    const element = el('button', {type: 'button', 'aria-label': label}, name);
    element.addEventListener('click', action);
    return element;
  };
  area.before(
    el(
      'div',
      {class: 'zoom', role: 'group', 'aria-label': 'Zoom of the call graph'},
      button('\u2212', 'Zoom out', () => view.by(1 / STEP)),
      button('+', 'Zoom in', () => view.by(STEP)),
      button('Fit', 'Fit', () => view.fit()),
      button('Actual size', 'Actual size', () => view.zoom(1)),
      el('span', {class: 'note grow'}, 'Ctrl+wheel zooms, dragging moves'),
      ...more,
    ),
  );
}
