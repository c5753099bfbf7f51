// assets/graphviz.js: Graphviz's WebAssembly build, loaded where a call graph is drawn.
import {instance} from '@viz-js/viz';

declare global {
  interface Window {
    pinfoDrawDot?: (dot: string) => Promise<string>;
  }
}

// An SVG document. Fails with Graphviz's own message.
window.pinfoDrawDot = async (dot) => (await instance()).renderString(dot, {format: 'svg', engine: 'dot'});
