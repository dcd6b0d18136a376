// A Postfix of our own: own configuration, own queue, loopback only, every message held.
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Contender } from './bench.ts';
import { freePort, reachable } from './port.ts';

const MAIN = (home: string) => `compatibility_level = 3.6
queue_directory = ${home}/queue
data_directory = ${home}/data
mail_owner = postfix
setgid_group = postdrop
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
maillog_file = ${home}/log/mail.log
maillog_file_prefixes = ${home}
inet_interfaces = 127.0.0.1
myhostname = bench.example
mydestination =
mynetworks = 127.0.0.0/8
smtpd_recipient_restrictions = permit_mynetworks, reject
smtpd_client_restrictions = check_client_access static:hold
smtpd_client_connection_count_limit = 0
message_size_limit = 150000000
mailbox_size_limit = 0
queue_minfree = 0
default_process_limit = 200
alias_maps =
alias_database =
`;

const SERVICES = (port: number) => `127.0.0.1:${port} inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
`;

export async function startPostfix(directory: string): Promise<Contender> {
  chmodSync(directory, 0o755);
  const home = join(directory, 'postfix');
  const config = join(home, 'etc');
  const port = await freePort();
  for (const path of [home, config, join(home, 'queue'), join(home, 'data'), join(home, 'log')])
    mkdirSync(path, { recursive: true });
  execFileSync('chown', ['postfix:postfix', join(home, 'data')]);
  writeFileSync(join(config, 'main.cf'), MAIN(home));
  writeFileSync(join(config, 'master.cf'), SERVICES(port));
  const postfix = (command: string) =>
    execFileSync('postfix', ['-c', config, command], { stdio: ['ignore', 'ignore', 'ignore'] });
  postfix('start');
  await reachable(port);
  const pid = Number(readFileSync(join(home, 'queue/pid/master.pid'), 'utf8').trim());
  return {
    name: 'Postfix',
    port,
    pid,
    async stop() {
      postfix('stop');
      rmSync(home, { recursive: true, force: true });
    },
  };
}
