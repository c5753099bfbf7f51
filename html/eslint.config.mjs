// The rules for the pages' TypeScript. CMake copies this beside node_modules, from where it runs.
import tseslint from 'typescript-eslint';

export default tseslint.config({
  files: ['**/*.ts'],
  extends: [tseslint.configs.strictTypeChecked],
  languageOptions: {parserOptions: {project: process.env.PINFO_TSCONFIG}},
  rules: {
    // Numbers are shown through format.ts; in attributes and keys they are what they are.
    '@typescript-eslint/restrict-template-expressions': ['error', {allowNumber: true}],
    '@typescript-eslint/no-confusing-void-expression': ['error', {ignoreArrowShorthand: true}],
    'no-restricted-properties': [
      'error',
      {property: 'innerHTML', message: 'Data never becomes markup: build elements (dom.ts).'},
      {property: 'outerHTML', message: 'Data never becomes markup: build elements (dom.ts).'},
      {property: 'insertAdjacentHTML', message: 'Data never becomes markup: build elements (dom.ts).'},
    ],
  },
});
