/** `850 ms`, `12.3 s`, `5 min 2 s`, `3 h 4 min`, `2 d 3 h`. */
export function formatDuration(durationMs: number): string {
  const seconds = Math.floor(durationMs / 1_000);
  if (durationMs < 1_000) return `${Math.round(durationMs)} ms`;
  if (seconds < 60) return `${(durationMs / 1_000).toFixed(1)} s`;
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3_600)} h ${Math.floor((seconds % 3_600) / 60)} min`;
  return `${Math.floor(seconds / 86_400)} d ${Math.floor((seconds % 86_400) / 3_600)} h`;
}
