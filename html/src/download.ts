// Files that the page makes of what it holds.
import {bytesOf} from './data';
import {el} from './dom';

function save(name: string, blob: Blob): void {
  const url = URL.createObjectURL(blob);
  const link = el('a', {href: url, download: name});
  link.click();
  // The browser has begun to read it by the next task.
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

function button(label: string, name: string, blob: () => Blob): HTMLButtonElement {
  const element = el('button', {type: 'button', class: 'save', 'aria-label': `Save ${name}`, title: name}, label);
  element.addEventListener('click', () => save(name, blob()));
  return element;
}

export function saveText(label: string, name: string, type: string, text: string): HTMLButtonElement {
  return button(label, name, () => new Blob([text], {type}));
}

export function saveBytes(label: string, name: string, base64: string): HTMLButtonElement {
  return button(label, name, () => new Blob([bytesOf(base64)], {type: 'application/octet-stream'}));
}
