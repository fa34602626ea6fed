import { Command, Option } from 'commander';
import { systemClock } from '../core/clock.ts';
import { pinoLogger } from '../core/log-pino.ts';
import { type Standalone, startStandalone } from '../standalone.ts';
import { type EngineOptions, addEngineOptions, agreedToDhcp, engineConfig, port } from './engine-options.ts';
import { fail } from './fail.ts';
import { withConfigFile } from './settings.ts';

export const DEFAULT_DATA_DIR = '/var/lib/ingot';

interface Options extends EngineOptions {
  apiAddress: string;
  apiPort: number;
}

/** `ingot up`: everything in one process. */
export function upCommand(): Command {
  const command = new Command('up')
    .description('Run Ingot on this machine: API, DHCP, TFTP, HTTP and the engine. Ends with Ctrl-C. Needs root.')
    .addOption(new Option('--data <dir>', 'folder for everything that is kept').default(DEFAULT_DATA_DIR))
    .addOption(new Option('--api-address <ip>', 'where kubectl connects to').default('127.0.0.1'))
    .addOption(new Option('--api-port <n>', 'and its port').default(6443).argParser(port));
  return addEngineOptions(command)
    .addHelpText(
      'after',
      `
DHCP is answered only for MAC addresses that a BareMetalHost names. Still, make sure that the network is yours.
With --no-dhcp let the other DHCP server give undionly.kpxe (BIOS) or snponly.efi (UEFI) by TFTP from this machine,
and to iPXE http://<this machine>:8080/boot.ipxe.

Example:
  ingot up --interface eno2 --range 10.0.0.100-10.0.0.200
  export KUBECONFIG=${DEFAULT_DATA_DIR}/kubeconfig
  kubectl get baremetalhosts -w`,
    )
    .action(run);
}

async function run(flags: Options, command: Command): Promise<void> {
  const stop = new AbortController();
  try {
    const options = await withConfigFile(flags, command);
    const log = pinoLogger(options.logLevel);
    const { apiAddress, apiPort } = options;
    const config = { ...engineConfig(options), apiAddress, apiPort };
    if (!(await agreedToDhcp(options, config))) return;
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
      process.once(signal, () => stop.abort(new Error(signal)));
    const up = await startStandalone(config, { clock: systemClock, random: Math.random, log, signal: stop.signal });
    announce(options, up);
    await ended(up, stop);
    await up.close();
  } catch (error) {
    if (stop.signal.aborted) return;
    fail(error, flags.json);
  }
}

/** Until a signal comes or a part fails; the failure is thrown after everything was closed. */
async function ended(up: Standalone, stop: AbortController): Promise<void> {
  const signalled = new Promise<void>((resolve) => {
    if (stop.signal.aborted) resolve();
    else stop.signal.addEventListener('abort', () => resolve(), { once: true });
  });
  try {
    await Promise.race([signalled, up.done]);
  } catch (error) {
    stop.abort(error);
    await up.close();
    throw error;
  }
  stop.abort();
}

function announce(options: Options, up: Standalone): void {
  const { apiUrl, kubeconfig, httpPort, agentPort } = up;
  if (options.json)
    process.stdout.write(`${JSON.stringify({ ready: true, apiUrl, kubeconfig, httpPort, agentPort })}\n`);
  else process.stdout.write(`ready: API ${apiUrl}, export KUBECONFIG=${kubeconfig}\n`);
}
