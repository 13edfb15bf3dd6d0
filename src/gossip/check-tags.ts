import { FlotillaError } from '../base/index.js';
import { GOSSIP_BOUNDS } from './bounds.js';
import { tagsSize } from './codec/fields.js';
import type { Tags } from './messages.js';

/** Whether the tags fit into gossip: news of a join must fit one datagram. @throws FlotillaError `OPTION_INVALID` */
export function checkTags(tags: Tags): void {
  const count = Object.keys(tags).length;
  if (count > GOSSIP_BOUNDS.tagsMax) {
    throw new FlotillaError('OPTION_INVALID', `there are ${count} tags; at most ${GOSSIP_BOUNDS.tagsMax} are allowed`);
  }
  const sizeBytes = tagsSize(tags);
  if (sizeBytes > GOSSIP_BOUNDS.tagsBytesMax) {
    throw new FlotillaError(
      'OPTION_INVALID',
      `the tags take ${sizeBytes} bytes encoded; at most ${GOSSIP_BOUNDS.tagsBytesMax} are allowed`,
    );
  }
}
