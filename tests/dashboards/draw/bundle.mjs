// Bundles main.jsx. Usage: node bundle.mjs OUT.js
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const here = path.dirname(fileURLToPath(import.meta.url));
// scenes imports files of the schema without the ending that its package.json asks for
const schema = {
  name: 'schema',
  setup(on) {
    on.onResolve({ filter: /^@grafana\/schema\/dist\// }, ({ path: asked }) => {
      const file = path.join(here, 'node_modules', asked);
      const found = ['.mjs', '.js'].map((ending) => file + ending).find((one) => existsSync(one));
      return found ? { path: found } : undefined;
    });
  },
};
// their modules end in .mjs, for which "default" of an older module is the whole of it: unwrap it
const defaults = { name: 'defaults', setup(on) {
  on.onLoad({ filter: /@grafana.*\.mjs$/ }, ({ path: file }) => ({
    contents: readFileSync(file, 'utf8').replace(
      /^import (\w+)((?:, \{[^}]*\})? from '[^.'][^']*';)$/gm,
      'import $1$$whole$2 const $1 = $1$$whole.__esModule ? $1$$whole.default : $1$$whole;',
    ),
  }));
} };
const absent = { name: 'absent', setup(on) {
  // the editor of queries is large and no part of a picture
  on.onResolve({ filter: /^monaco-editor/ }, ({ path: asked }) => ({ path: asked, namespace: 'absent' }));
  on.onLoad({ filter: /.*/, namespace: 'absent' }, () => ({ contents: 'export default {}' }));
} };

await build({
  absWorkingDir: here, entryPoints: ['main.jsx'], outfile: process.argv[2], bundle: true, minify: true,
  plugins: [schema, defaults, absent], loader: { '.ttf': 'empty' }, logLevel: 'error',
  define: { 'process.env.NODE_ENV': '"production"', global: 'window' },
  // two versions of the router are asked for: the newer one serves both
  alias: { 'react-router-dom-v5-compat': 'react-router-dom', 'react-inlinesvg': path.join(here, 'icon.jsx') },
});
