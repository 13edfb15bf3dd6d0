import { expect } from 'chai';
import { Cluster, FlotillaError } from '../../../src/index.js';
import { Text, textService } from './support.js';

describe('the services of a worker', () => {
  for (const [what, services] of Object.entries({
    'a definition without handlers': [textService, Text],
    'one that is not in a list': textService,
    none: undefined,
  })) {
    it(`are refused with what to give instead: ${what}`, async () => {
      const error = await Cluster.local({ workers: 1, services: services as never }).catch((thrown: unknown) => thrown);
      expect(error).to.be.instanceOf(FlotillaError).with.property('code', 'SERVICE_INVALID');
      expect((error as Error).message).to.include('implement(Service, handlers)');
    });
  }
});
