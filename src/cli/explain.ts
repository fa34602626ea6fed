import { join } from 'node:path';
import { Command, Option } from 'commander';
import type { BareMetalHost } from '../api/baremetalhost.ts';
import type { HostProgress } from '../api/hostprogress.ts';
import { explain, explanationText } from '../boot/explain.ts';
import { systemClock } from '../core/clock.ts';
import { ConsoleLogs } from '../server/console-logs.ts';
import { cliErrors, getObject, readAccess } from './api-client.ts';
import { fail } from './fail.ts';
import { hintOf } from './hints.ts';
import { hostName } from './host-name.ts';
import { DEFAULT_DATA_DIR } from './up.ts';

/** Lines of the console that are shown. */
const CONSOLE_LINES = 8;

interface Options {
  namespace?: string;
  kubeconfig?: string;
  data: string;
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
    .addOption(new Option('--data <dir>', 'data folder of ingot up').default(DEFAULT_DATA_DIR))
    .option('--timeline', 'print everything that was seen of this host, oldest first')
    .option('--json', 'print the explanation as JSON')
    .action(run);
}

async function run(text: string, options: Options): Promise<void> {
  try {
    const access = await readAccess(options.kubeconfig, options.data);
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
    const log = await new ConsoleLogs(join(options.data, 'consoles')).read({ namespace, name });
    print(host, progress as Partial<HostProgress>, log, options);
  } catch (error) {
    fail(error, options.json);
  }
}

/** @param log what the serial console printed at the last boot; empty: it was not recorded */
function print(host: BareMetalHost, progress: Partial<HostProgress>, log: string, options: Options): void {
  const lines = log
    .split('\n')
    .filter((line) => line.trim() !== '')
    .slice(-CONSOLE_LINES);
  const status = progress.status ?? {};
  const explanation = explain(host, status, systemClock.now(), hintOf);
  const timeline = options.timeline === true ? (status.timeline ?? []) : undefined;
  if (options.json === true) {
    const more = { ...(timeline === undefined ? {} : { timeline }), ...(lines.length === 0 ? {} : { console: lines }) };
    process.stdout.write(`${JSON.stringify({ ...explanation, ...more })}\n`);
    return;
  }
  process.stdout.write(explanationText(explanation));
  if (lines.length > 0) process.stdout.write(`last lines of its console:\n${lines.map((l) => `  ${l}\n`).join('')}`);
  for (const e of timeline ?? []) {
    const more = e.count === undefined ? '' : ` (${e.count} times, last ${e.lastAt})`;
    process.stdout.write(`${e.at} ${e.source} ${e.kind}: ${e.text}${more}\n`);
  }
}
