/** Syntax alone, for machines where the compiler cannot be had: a grammar says whether a file can be read at all. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Language, Parser } from 'web-tree-sitter';

/** Places that the grammar cannot read, as `file:line: text`. */
export async function syntaxProblems(grammar: 'bicep' | 'powershell', files: readonly string[]): Promise<string[]> {
  await Parser.init();
  const wasm = import.meta.resolve(`tree-sitter-${grammar}/tree-sitter-${grammar}.wasm`);
  const parser = new Parser();
  parser.setLanguage(await Language.load(fileURLToPath(wasm)));
  return files.flatMap((file) => {
    const tree = parser.parse(readFileSync(file, 'utf8'));
    if (!tree) return [`${file}: not read`];
    const wrong = tree.rootNode.descendantsOfType('ERROR');
    return tree.rootNode.hasError && wrong.length === 0
      ? [`${file}: something is missing`]
      : wrong.map((node) => `${file}:${(node?.startPosition.row ?? 0) + 1}: ${node?.text.slice(0, 80)}`);
  });
}
