/** Reads files by a grammar alone, where what really runs them cannot be had: a wrong bracket is found, a wrong name not. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Language, type Node, Parser } from 'web-tree-sitter';

type Grammar = 'bicep' | 'powershell';

async function parserOf(grammar: Grammar): Promise<Parser> {
  await Parser.init();
  const wasm = import.meta.resolve(`tree-sitter-${grammar}/tree-sitter-${grammar}.wasm`);
  const parser = new Parser();
  parser.setLanguage(await Language.load(fileURLToPath(wasm)));
  return parser;
}

/** The file as a tree of syntax. */
export async function parseFile(grammar: Grammar, file: string): Promise<Node> {
  const tree = (await parserOf(grammar)).parse(readFileSync(file, 'utf8'));
  if (!tree) throw new Error(`${file} was not read.`);
  return tree.rootNode;
}

/** Places that the grammar cannot read, as `file:line: text`. */
export async function syntaxProblems(grammar: Grammar, files: readonly string[]): Promise<string[]> {
  const problems: string[] = [];
  for (const file of files) {
    const root = await parseFile(grammar, file);
    if (!root.hasError) continue;
    const wrong = root
      .descendantsOfType('ERROR')
      .map((node) => `${file}:${node.startPosition.row + 1}: ${node.text.slice(0, 80)}`);
    problems.push(...(wrong.length > 0 ? wrong : [`${file}: something is missing`]));
  }
  return problems;
}
