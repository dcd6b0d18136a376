// AUTH PLAIN and LOGIN.
import type { SMTPServerAuthentication, SMTPServerAuthenticationResponse, SMTPServerSession } from 'smtp-server';
import type { EdgeConfig } from '../config/configSchema.ts';
import { createPasswordCheck } from '../policy/passwordHash.ts';
import type { EdgeConnection } from './edgeConnection.ts';
import { replies, SmtpRefusal } from './replies.ts';
import type { SharedParts } from './smtpListener.ts';

type Callback = (error: Error | null | undefined, response?: SMTPServerAuthenticationResponse) => void;

/**
 * The `onAuth` of a listener. Every wrong password counts against the address, however it came; an address with too
 * many is sent away for a while without its password being looked at. An unknown user costs the same time.
 */
export function createLogin(
  users: EdgeConfig['users'],
  { report, bans, inventory }: Pick<SharedParts, 'report' | 'bans' | 'inventory'>,
  connectionOf: (session: SMTPServerSession) => EdgeConnection | undefined,
) {
  const check = createPasswordCheck();
  const hashes = new Map(users.map(({ name, passwordHash }) => [name, passwordHash]));
  const anyHash = users[0]?.passwordHash ?? '';

  async function verify({ username = '', password }: SMTPServerAuthentication): Promise<boolean> {
    const hash = hashes.get(username);
    const right = await check(hash ?? anyHash, password ?? '');
    return hash !== undefined && right;
  }

  return (auth: SMTPServerAuthentication, session: SMTPServerSession, callback: Callback): void => {
    const address = session.remoteAddress;
    const connection = connectionOf(session);
    if (bans.isBanned(address)) {
      callback(new SmtpRefusal(replies.banned));
      return;
    }
    verify(auth).then(
      (right) => {
        const user = auth.username ?? '';
        if (right) {
          bans.succeeded(address, user);
          if (connection) connection.mechanism = auth.method;
          report('edge.loggedIn', { address, user, mechanism: auth.method });
          callback(null, { user });
          return;
        }
        const banned = bans.failed(address, user);
        report('edge.loginFailed', { address, banned });
        inventory.rejected(address, replies.wrongPassword.text);
        callback(new SmtpRefusal(banned ? replies.banned : replies.wrongPassword));
      },
      (error: unknown) => {
        report('edge.error', { reason: String(error) });
        callback(new SmtpRefusal(replies.unexpected));
      },
    );
  };
}
