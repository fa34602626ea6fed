import { join } from 'node:path';
import { Command } from 'commander';
import type { BareMetalHost } from '../api/baremetalhost.ts';
import type { HostProgress } from '../api/hostprogress.ts';
import { age } from '../boot/diagnose.ts';
import { explain, explanationText } from '../boot/explain.ts';
import { systemClock } from '../core/clock.ts';
import { ConsoleLogs, type RecordedConsole } from '../server/console-logs.ts';
import { cliErrors, getObject, readAccess } from './api-client.ts';
import { fail } from './fail.ts';
import { hintOf } from './hints.ts';
import { hostName } from './host-name.ts';
import { DATA_HELP, dataFolder } from './data-folder.ts';

/** Lines of the console that are shown. */
const CONSOLE_LINES = 8;

interface Options {
  namespace?: string;
  kubeconfig?: string;
  data?: string;
  timeline?: boolean;
  json?: boolean;
}

/** `ingot explain HOST`: what is happening, what is awaited, and what to check. */
export function explainCommand(): Command {
  return new Command('explain')
    .description('Say in plain words what a host is doing, what it waits for and until when, and what to check.')
    .argument('<host>', 'name of the BareMetalHost, or NAMESPACE/NAME')
    .option('-n, --namespace <name>', 'its namespace (default: the kubeconfig’s)')
    .option('--kubeconfig <file>', 'default: KUBECONFIG, then the data folder’s')
    .option('--data <dir>', DATA_HELP)
    .option('--timeline', 'print everything that was seen of this host, oldest first')
    .option('--json', 'print the explanation as JSON')
    .action(run);
}

async function run(text: string, options: Options): Promise<void> {
  try {
    const data = dataFolder(options.data, options.kubeconfig);
    const access = await readAccess(options.kubeconfig, data);
    const { namespace, name } = hostName(text, options.namespace ?? access.namespace);
    const where = `namespaces/${encodeURIComponent(namespace)}`;
    const id = encodeURIComponent(name);
    const host = (await getObject(
      access,
      `/apis/metal3.io/v1alpha1/${where}/baremetalhosts/${id}`,
      `BareMetalHost ${namespace}/${name}`,
    )) as BareMetalHost;
    const progress = await getObject(
      access,
      `/apis/ingot.dev/v1alpha1/${where}/hostprogress/${id}`,
      `HostProgress ${namespace}/${name}`,
    ).catch((error: unknown) => {
      if (cliErrors.is(error, 'CLI_NOT_FOUND')) return {};
      throw error;
    });
    const recorded = await new ConsoleLogs(join(data, 'consoles')).newest({ namespace, name });
    print(host, progress as Partial<HostProgress>, recorded, options);
  } catch (error) {
    fail(error, options.json);
  }
}

/** @param recorded what the serial console printed at the last boot */
function print(
  host: BareMetalHost,
  progress: Partial<HostProgress>,
  recorded: RecordedConsole | undefined,
  options: Options,
): void {
  const lines = (recorded?.text ?? '')
    .split('\n')
    .filter((line) => line.trim() !== '')
    .slice(-CONSOLE_LINES);
  const status = progress.status ?? {};
  const now = systemClock.now();
  const explanation = explain(host, status, now, hintOf);
  const timeline = options.timeline === true ? (status.timeline ?? []) : undefined;
  if (options.json === true) {
    const more = { ...(timeline === undefined ? {} : { timeline }), ...(lines.length === 0 ? {} : { console: lines }) };
    process.stdout.write(`${JSON.stringify({ ...explanation, ...more })}\n`);
    return;
  }
  process.stdout.write(explanationText(explanation));
  if (recorded !== undefined && lines.length > 0) {
    const since = age(now - recorded.atMs);
    process.stdout.write(`End of its recorded console, ${since} ago:\n${lines.map((l) => `  ${l}\n`).join('')}`);
  }
  if (timeline !== undefined) process.stdout.write('Timeline:\n');
  for (const e of timeline ?? []) {
    const more = e.count === undefined ? '' : ` (${e.count} times, last ${e.lastAt})`;
    process.stdout.write(`  ${e.at} ${e.source} ${e.kind}: ${e.text}${more}\n`);
  }
}
