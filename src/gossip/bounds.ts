/** Bounds of what gossip accepts from a peer or from its own options; a datagram or state beyond them is refused. */
export const GOSSIP_BOUNDS = {
  /** Incarnations, and sequence numbers of probes, are unsigned 32-bit numbers. */
  incarnationMax: 0xffff_ffff,
  /** Tags of one member. */
  tagsMax: 32,
  /** Encoded tags of one member, so that the news of a join always fits one datagram. */
  tagsBytesMax: 512,
  /** Longest host name or literal in an address, in UTF-8 bytes. */
  hostBytesMax: 255,
  /** Messages in one datagram. */
  datagramMessagesMax: 1_024,
  /** Entries of one push-pull message, about: half of the default `rpc.messageBytesMax`. What is left out comes with the next. */
  syncBytesMax: 2 * 1_024 * 1_024,
  /** Members one node keeps; further ones are refused and counted. */
  membersMax: 65_536,
  /** Indirect probes one node runs for others at the same time. */
  relaysMax: 1_024,
  /** Smallest datagram that still carries the longest news beside the longest probe message. */
  datagramBytesMin: 1_200,
  /** Encoded messages of a probe over a lane, and of its answer. At 13 bytes per message within `datagramMessagesMax`. */
  laneProbeBytesMax: 8_192,
} as const;
