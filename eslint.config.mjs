import js from '@eslint/js';
import jupyter from '@jupyter/eslint-plugin';
import prettier from 'eslint-plugin-prettier/recommended';
import tseslint from 'typescript-eslint';

// Every rule of the field is an error here. Those of Galata stay out: the browser tests don't use it.
const jupyterRules = Object.fromEntries(
  Object.keys(jupyter.rules)
    .filter(name => !name.startsWith('galata-'))
    .map(name => [`jupyter/${name}`, 'error'])
);
const forSources = Object.fromEntries(
  Object.entries(jupyterRules).filter(([name]) => name !== 'jupyter/no-schema-enum')
);

export default tseslint.config(
  {
    ignores: [
      '**/node_modules',
      '**/lib',
      '.venv',
      '.venvs',
      'coverage',
      'dist',
      'docs',
      'jupyter_lcc',
      'src/api/generated.ts',
      'ui-tests/playwright-report',
      'ui-tests/test-results'
    ]
  },
  js.configs.recommended,
  {
    files: ['**/*.ts', '**/*.tsx'],
    extends: [...tseslint.configs.recommended],
    plugins: { jupyter },
    rules: {
      ...forSources,
      // All of it is needed at once: a page that has just been opened must be able to warn.
      'jupyter/prefer-lazy-imports': ['error', { ignoreImports: ['./*'] }],
      '@typescript-eslint/naming-convention': [
        'error',
        { selector: 'interface', format: ['PascalCase'], custom: { regex: '^I[A-Z]', match: true } }
      ],
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/no-namespace': 'off',
      '@typescript-eslint/no-unused-vars': ['error', { args: 'none' }],
      '@typescript-eslint/no-use-before-define': 'off',
      curly: ['error', 'all'],
      eqeqeq: 'error',
      'prefer-arrow-callback': 'error'
    }
  },
  {
    files: ['**/__tests__/**', 'ui-tests/**'],
    rules: { 'jupyter/no-untranslated-string': 'off', 'jupyter/prefer-lazy-imports': 'off' }
  },
  {
    files: ['*.config.js', 'babel.config.js', 'jest.config.js', 'scripts/**', '*.config.mjs'],
    languageOptions: {
      globals: {
        console: 'readonly',
        module: 'readonly',
        process: 'readonly',
        require: 'readonly',
        __dirname: 'readonly'
      }
    }
  },
  prettier
);
