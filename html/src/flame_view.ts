// The flame graph of a profile: callers above what they call, a box as wide as its total time; what
// ran on a CPU is warm, what waited is blue, in each box in proportion, time of unknown kind grey.
// Click and Enter zoom, Escape shows all, the arrows walk; the same as in the SVG of pinfo flame.
import {Times, Tree} from './data';
import {el, section, svg} from './dom';
import {count, duration, percent} from './format';

const ROW = 19;
const TEXT_PX = 6.6; // of a character
const NARROWEST = 0.6;

interface Box {
  name: string;
  place: string;
  depth: number;
  x: number; // nanoseconds
  width: number;
  times: Times;
  parent: Box | null;
}

export function flameSection(tree: Tree): HTMLElement {
  const boxes = layOut(tree);
  const root = boxes[0];
  if (!root || root.width <= 0) {
    return section('Flame graph', el('p', {class: 'note'}, 'No time to show.'));
  }
  return section('Flame graph', new FlameView(boxes, root).element);
}

function sum(times: Times): number {
  return times.reduce((all, each) => all + each, 0);
}

function layOut({total, names, nodes}: Tree): Box[] {
  const root: Box = {name: 'all', place: '', depth: 0, x: 0, width: sum(total), times: total, parent: null};
  const boxes: Box[] = [root];
  const byNode: Box[] = [];
  const children = new Map<Box, Box[]>();
  for (const [parent, name, times] of nodes) {
    const above = parent < 0 ? root : (byNode[parent] ?? root);
    const [text, place, line] = names[name] ?? ['', '', 0];
    const box: Box = {
      name: text,
      place: line > 0 ? `${place}:${line}` : place,
      depth: above.depth + 1,
      x: 0,
      width: sum(times),
      times,
      parent: above,
    };
    byNode.push(box);
    const siblings = children.get(above);
    if (siblings) {
      siblings.push(box);
    } else {
      children.set(above, [box]);
    }
  }
  // By name, as flame graphs are: the same function is found in the same order everywhere.
  for (let at = 0; at < boxes.length; at++) {
    const above = boxes[at];
    if (!above) {
      continue;
    }
    let x = above.x;
    const below = (children.get(above) ?? []).sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
    for (const box of below) {
      box.x = x;
      x += box.width;
      boxes.push(box);
    }
  }
  return boxes;
}

class FlameView {
  readonly element: HTMLElement;
  private readonly area = el('div', {class: 'flame', role: 'group', 'aria-label': 'Flame graph', tabindex: '-1'});
  private readonly details = el('p', {class: 'flame-details', role: 'status'});
  private readonly found = el('output', {class: 'note'});
  private readonly all = el('button', {type: 'button'}, 'Show all');
  private zoomed: Box;
  private current: Box;
  private search: ((name: string) => boolean) | null = null;
  private drawnWidth = 0;
  private elements = new Map<Box, SVGGElement>();

  constructor(
    private readonly boxes: Box[],
    private readonly root: Box,
  ) {
    this.zoomed = root;
    this.current = root;
    const field = el('input', {type: 'search', placeholder: 'function', 'aria-label': 'Search the flame graph'});
    field.addEventListener('input', () => this.find(field.value));
    this.all.addEventListener('click', () => this.zoom(root));
    this.element = el(
      'div',
      {},
      el(
        'div',
        {class: 'zoom', role: 'group', 'aria-label': 'Flame graph'},
        field,
        this.found,
        this.all,
        el('span', {class: 'note grow'}, 'Click zooms, Escape shows all, arrows walk'),
        ...keys(),
      ),
      this.area,
      this.details,
    );
    this.area.addEventListener('keydown', (event) => this.key(event));
    new ResizeObserver(() => {
      if (this.area.clientWidth !== this.drawnWidth) {
        this.draw();
      }
    }).observe(this.area);
    this.tell(root);
  }

  private zoom(box: Box): void {
    this.zoomed = box;
    this.current = box;
    this.draw();
    this.tell(box);
  }

  private inSight(box: Box): boolean {
    const {x, width, depth} = this.zoomed;
    return box.depth < depth
      ? box.x <= x && box.x + box.width >= x + width
      : box.x >= x && box.x + box.width <= x + width * (1 + 1e-12) && (box.depth > depth || box === this.zoomed);
  }

  private draw(): void {
    this.drawnWidth = this.area.clientWidth;
    const width = Math.max(this.drawnWidth, 240);
    const perNs = width / this.zoomed.width;
    this.elements.clear();
    let deepest = 0;
    const drawn: SVGGElement[] = [];
    // Beside the boxes: what is cut to fit is no box's name.
    const texts = svg('g', {'aria-hidden': 'true'});
    for (const box of this.boxes) {
      const above = box.depth < this.zoomed.depth;
      const wide = above ? width : box.width * perNs;
      if (!this.inSight(box) || wide < NARROWEST) {
        continue;
      }
      deepest = Math.max(deepest, box.depth);
      const left = above ? 0 : (box.x - this.zoomed.x) * perNs;
      const element = this.box(box, left, wide, above);
      const text = label(box, left, wide);
      if (text) {
        texts.append(text);
      }
      this.elements.set(box, element);
      drawn.push(element);
    }
    const height = (deepest + 1) * ROW;
    this.area.replaceChildren(
      svg('svg', {viewBox: `0 0 ${width} ${height}`, width, height, role: 'group', 'aria-label': 'Boxes'}, ...drawn, texts),
    );
    this.all.disabled = this.zoomed === this.root;
  }

  private box(box: Box, left: number, wide: number, above: boolean): SVGGElement {
    const y = box.depth * ROW;
    const [onCpu, blocked, runqueue, waiting, unattributed] = box.times;
    const parts: [string, number][] = [
      ['f-cpu', onCpu],
      ['f-wait', blocked + runqueue + waiting],
      ['f-unknown', unattributed],
    ];
    let x = left;
    const gap = wide > 3 ? 1 : 0;
    const rects = parts
      .filter(([, ns]) => ns > 0)
      .map(([kind, ns], index, shown) => {
        const part = (wide * ns) / Math.max(1, box.width);
        const rect = svg('rect', {class: kind, x, y, width: Math.max(0, part - (index === shown.length - 1 ? gap : 0)), height: ROW - 1});
        x += part;
        return rect;
      });
    const classes = ['box', above ? 'above' : '', this.search?.(box.name) === true && box !== this.root ? 'match' : ''];
    const element = svg(
      'g',
      {
        class: classes.filter((c) => c !== '').join(' '),
        role: 'button',
        tabindex: box === this.current ? 0 : -1,
        'aria-label': `${box.name}: ${duration(box.width)}, ${percent(box.width, this.root.width)}`,
      },
      ...rects,
    );
    element.addEventListener('click', () => {
      this.zoom(box);
      this.elements.get(box)?.focus({preventScroll: true});
    });
    element.addEventListener('pointerenter', () => this.tell(box));
    return element;
  }

  private tell(box: Box): void {
    const kinds: [string, number][] = [
      ['on CPU', box.times[0]],
      ['blocked', box.times[1]],
      ['waiting for a CPU', box.times[2]],
      ['waiting', box.times[3]],
      ['unattributed', box.times[4]],
    ];
    this.details.replaceChildren(
      el('strong', {}, box.name),
      ` ${duration(box.width)}, ${percent(box.width, this.root.width)} of all: `,
      kinds
        .filter(([, ns]) => ns > 0)
        .map(([name, ns]) => `${name} ${duration(ns)}`)
        .join(', '),
      box.place === '' ? '' : el('span', {class: 'note'}, ` ${box.place}`),
    );
  }

  private find(text: string): void {
    const lower = text.toLowerCase();
    this.search = text === '' ? null : (name) => name.toLowerCase().includes(lower);
    // What is below a match counts with it.
    let time = 0;
    let matches = 0;
    const inside = new Set<Box>();
    for (const box of this.boxes) {
      const below = box.parent !== null && inside.has(box.parent);
      const match = box !== this.root && this.search?.(box.name) === true;
      if (match || below) {
        inside.add(box);
      }
      if (match) {
        matches++;
        time += below ? 0 : box.width;
      }
    }
    this.found.textContent = text === '' ? '' : `${count(matches)} found, ${percent(time, this.root.width)}`;
    this.draw();
  }

  private key(event: KeyboardEvent): void {
    const {current} = this;
    const shown = [...this.elements.keys()];
    const row = shown.filter((box) => box.depth === current.depth);
    const next: Record<string, () => Box | null | undefined> = {
      ArrowUp: () => current.parent,
      ArrowDown: () => shown.find((box) => box.parent === current),
      ArrowRight: () => row.filter((box) => box.x > current.x).sort((a, b) => a.x - b.x)[0],
      ArrowLeft: () => row.filter((box) => box.x < current.x).sort((a, b) => b.x - a.x)[0],
      Home: () => this.zoomed,
    };
    if (event.key === 'Enter' || event.key === ' ') {
      this.zoom(current);
    } else if (event.key === 'Escape') {
      this.zoom(this.root);
    } else {
      const box = next[event.key]?.();
      if (!(event.key in next)) {
        return;
      }
      if (box) {
        this.elements.get(current)?.setAttribute('tabindex', '-1');
        this.current = box;
        this.elements.get(box)?.setAttribute('tabindex', '0');
        this.tell(box);
      }
    }
    event.preventDefault();
    this.elements.get(this.current)?.focus({preventScroll: true});
  }
}

function label({name, depth}: Box, left: number, wide: number): SVGTextElement | null {
  const fits = Math.floor((wide - 8) / TEXT_PX);
  return fits < 3 ? null : svg('text', {x: left + 4, y: depth * ROW + ROW - 6}, name.length <= fits ? name : `${name.slice(0, fits - 1)}…`);
}

function keys(): HTMLElement[] {
  return (
    [
      ['f-cpu', 'on CPU'],
      ['f-wait', 'waiting'],
    ] as const
  ).map(([kind, name]) => el('span', {class: 'chart-key'}, el('span', {class: `key ${kind}`, 'aria-hidden': 'true'}), name));
}
