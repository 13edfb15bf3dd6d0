/** Randomness as the runtime parts see it: the system's, or a seeded generator in simulations. */
export interface Random {
  /** Uniform in [0, 1) with 32 bits of resolution or more. */
  float(): number;
  /** Uniform integer in [0, bound). */
  int(bound: number): number;
  /** `size` bytes; from the operating system's generator in production. */
  bytes(size: number): Uint8Array;
}
