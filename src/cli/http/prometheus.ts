/** One metric in the Prometheus text exposition format, version 0.0.4. */
export interface Metric {
  /** Without the prefix `flotilla_`. */
  readonly name: string;
  readonly type: 'counter' | 'gauge';
  readonly help: string;
  readonly samples: readonly Sample[];
}

export interface Sample {
  readonly labels?: Readonly<Record<string, string>>;
  readonly value: number;
}

export function formatMetrics(metrics: readonly Metric[]): string {
  return metrics.map(formatMetric).join('');
}

/** A metric with one sample and no labels. */
export function single(type: Metric['type'], name: string, help: string, value: number): Metric {
  return { name, type, help, samples: [{ value }] };
}

/** Counters by camelCase name as metrics: `datagramsSent` becomes `flotilla_datagrams_sent_total`. */
export function countersOf(counters: Readonly<Record<string, unknown>>, prefix = ''): Metric[] {
  return Object.entries(counters)
    .filter((entry): entry is [string, number] => typeof entry[1] === 'number')
    .map(([name, value]) => {
      const words = name.replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
      return single('counter', `${prefix}${words.replaceAll(' ', '_')}_total`, `Count of ${words}.`, value);
    });
}

/** Memory, processor time and age of this process. */
export function processMetrics(): Metric[] {
  const { user, system } = process.cpuUsage();
  return [
    single('gauge', 'process_resident_memory_bytes', 'Resident memory of the process.', process.memoryUsage.rss()),
    single('counter', 'process_cpu_seconds_total', 'Processor time, user and system.', (user + system) / 1e6),
    single('gauge', 'process_uptime_seconds', 'Time since the process started.', process.uptime()),
  ];
}

function formatMetric({ name, type, help, samples }: Metric): string {
  const full = `flotilla_${name}`;
  const lines = samples.map(({ labels, value }) => `${full}${formatLabels(labels)} ${value}\n`);
  return `# HELP ${full} ${help}\n# TYPE ${full} ${type}\n${lines.join('')}`;
}

function formatLabels(labels: Sample['labels']): string {
  if (labels === undefined) return '';
  const pairs = Object.entries(labels).map(
    ([name, value]) => `${name}="${value.replaceAll(/["\\\n]/g, escapeCharacter)}"`,
  );
  return `{${pairs.join(',')}}`;
}

function escapeCharacter(character: string): string {
  return character === '\n' ? '\\n' : `\\${character}`;
}
