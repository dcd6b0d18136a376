// The bundle's entry: sets the app up and registers every function. Importing a wrong setting stops the start here.
import { app } from '@azure/functions';
import './acceptMessage.ts';
import './deliverLargeMessage.ts';
import './deliverMessage.ts';
import './deliverWaitingMessage.ts';
import './listParts.ts';
import './reportMessage.ts';
import './retryMessage.ts';
import './settlePoisonMessage.ts';
import './stagePart.ts';
import './submitMessage.ts';
import './sweepMail.ts';

app.setup({ enableHttpStream: true });
