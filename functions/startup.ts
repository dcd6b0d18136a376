// The bundle's entry: sets the app up and registers every function. Importing a wrong setting stops the start here.
import { app } from '@azure/functions';
import './acceptMessage.ts';
import './deliverLargeMessage.ts';
import './deliverMessage.ts';
import './deliverWaitingMessage.ts';
import './describeApi.ts';
import './listParts.ts';
import './receiveHeartbeat.ts';
import './reportHealth.ts';
import './reportMessage.ts';
import './retryMessage.ts';
import './settlePoisonMessage.ts';
import './stagePart.ts';
import './submitMessage.ts';
import './sweepMail.ts';
import { telemetry } from './wiring/relay.ts';

// The relay exports its own telemetry: the host need not pass on what the worker logs.
app.setup({ enableHttpStream: true, capabilities: { WorkerOpenTelemetryEnabled: true } });
app.hook.appTerminate(() => telemetry.stop());
