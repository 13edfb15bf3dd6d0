import { type GrpcObject, loadPackageDefinition, type ServiceClientConstructor } from '@grpc/grpc-js';
import { fromJSON } from '@grpc/proto-loader';

/** One `bytes` field: as little protobuf as carries a payload. */
export interface Payload {
  readonly p: Buffer;
}

export interface StreamRequest {
  readonly messageBytes: number;
}

/** The service of the bench, as protoc would load it from a file. */
export function echoService(): ServiceClientConstructor {
  const loaded = loadPackageDefinition(
    fromJSON({
      nested: {
        bench: {
          nested: {
            Payload: { fields: { p: { type: 'bytes', id: 1 } } },
            StreamRequest: { fields: { messageBytes: { type: 'int32', id: 1 } } },
            Echo: {
              methods: {
                Call: { requestType: 'Payload', responseType: 'Payload', comment: '' },
                Stream: { requestType: 'StreamRequest', responseType: 'Payload', responseStream: true, comment: '' },
              },
            },
          },
        },
      },
    }),
  );
  return (loaded.bench as GrpcObject).Echo as ServiceClientConstructor;
}
