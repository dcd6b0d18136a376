// Refuses, in one sentence, a Node that is too old. Plain JavaScript that any Node can read; imported before all else.
const [major, minor] = process.versions.node.split('.').map(Number);
if (major < 22 || (major === 22 && minor < 18)) {
  process.stderr.write(
    `This needs Node 22.18 or newer, but ${process.execPath} is ${process.version}: run "npm ci", which brings Node 24 on Linux and Windows, or install a newer Node.\n`,
  );
  process.exit(1);
}
