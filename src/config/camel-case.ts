/** `idle_timeout_ms` to `idleTimeoutMs`; a camelCase key stays as it is. */
export function camelCase(key: string): string {
  return key.replaceAll(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

/** The way back: `idleTimeoutMs` to `idle_timeout_ms`. */
export function snakeCase(key: string): string {
  return key.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
