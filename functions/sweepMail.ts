// Timer, every 5 minutes: what should have moved and did not gets a wake-up; what is finished is cleared away.
import { app } from '@azure/functions';
import { sweepMail } from './delivery/sweepMail.ts';
import { relay } from './wiring/relay.ts';

app.timer('sweepMail', {
  schedule: '0 */5 * * * *',
  handler: async () => {
    await sweepMail(await relay());
  },
});
