// Compares what the relay takes for attachments with what Python's email package does, over the messages in a folder:
//   npm run test:attachments -- FOLDER
// Each message is blown up past the limit of one request first. Ends with exit code 1 when one differs.
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { createLineEndingNormaliser } from '../../../contract/lineEndings.ts';
import { planDraft } from '../../../delivery/large/draftPlan.ts';
import { readHeaderBlock } from '../../../mail/headerBlock.ts';
import { base64Lines, someBytes } from './mailSamples.ts';
import { pythonsView } from './pythonsView.ts';

interface Leaf {
  readonly type: string;
  readonly sha256: string;
}

const folder = process.argv[2];
if (!folder) throw new Error('Name a folder with messages.');
const paths = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  .map((name) => join(folder, name))
  .filter((path) => statSync(path).isFile() && /\.(?:eml|msg|mail|txt|raw)$/i.test(path));
const filler = base64Lines(someBytes(3_000_000, 99));
const count = { equal: 0, different: 0, broken: 0, unrewritable: 0, unusable: 0 };

for (const path of paths) {
  const blown = blowUp(readFileSync(path));
  const block = blown && readHeaderBlock(blown, true);
  if (!blown || !block) {
    count.unusable++;
    continue;
  }
  const plan = await planDraft(block, one(blown));
  if (plan.kind !== 'draft') {
    count.unrewritable++;
    continue;
  }
  const ours = plan.attachments.map(({ contentType, sha256 }) => ({ type: contentType, sha256: sha256! }));
  const { attachments: python, guessed } = pythonsView(blown);
  if (same(ours, python)) count.equal++;
  else {
    // Of a message that breaks the rules two parsers may make two things.
    if (guessed) count.broken++;
    else count.different++;
    console.log(guessed ? 'broken' : 'DIFFERENT', path, '\n  relay ', describe(ours), '\n  Python', describe(python));
  }
}
console.log(`${paths.length} messages`, count);
if (count.equal === 0 || count.different > 0) process.exitCode = 1;

/** The message as one part of a larger one, beside a large attachment. */
function blowUp(original: Buffer): Buffer | undefined {
  const stored = Buffer.from(createLineEndingNormaliser().push(original));
  const block = readHeaderBlock(stored, true);
  if (!block || block.fields.length === 0) return undefined;
  const own = block.fields.filter(({ name }) => name.startsWith('content-')).map(({ raw }) => raw);
  const others = block.fields.filter(
    ({ name }) => name !== '' && !name.startsWith('content-') && name !== 'mime-version',
  );
  const boundary = '=_blown_up_by_the_relay_test_=';
  const parts = [
    `${others.map(({ raw }) => raw).join('')}MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="${boundary}"\r\n\r\n`,
    `--${boundary}\r\nContent-Type: application/pdf\r\nContent-Transfer-Encoding: base64\r\n\r\n${filler}\r\n`,
    `--${boundary}\r\n${own.join('')}\r\n${stored.toString('latin1', block.bodyStart)}\r\n--${boundary}--\r\n`,
  ];
  return Buffer.from(parts.join(''), 'latin1');
}

async function* one(bytes: Buffer): AsyncGenerator<Buffer> {
  yield bytes;
}

/** Attached messages are counted, everything else compared by content. */
function same(ours: readonly Leaf[], python: readonly Leaf[]): boolean {
  const messages = (leaves: readonly Leaf[]) => leaves.filter(({ type }) => type.startsWith('message/')).length;
  const hashes = (leaves: readonly Leaf[]) =>
    leaves
      .filter(({ type }) => !type.startsWith('message/'))
      .map(({ sha256 }) => sha256)
      .toSorted()
      .join();
  return messages(ours) === messages(python) && hashes(ours) === hashes(python);
}

function describe(leaves: readonly Leaf[]): string {
  return leaves.map(({ type, sha256 }) => `${type} ${sha256.slice(0, 8)}`).join(', ');
}
