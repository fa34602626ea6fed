import { Command } from 'commander';
import { systemClock } from '../core/clock.ts';
import { pinoLogger } from '../core/log-pino.ts';
import type { Engine } from '../engine.ts';
import { runOperator } from '../operator.ts';
import { type EngineOptions, addEngineOptions, agreedToDhcp, engineConfig } from './engine-options.ts';
import { fail } from './fail.ts';
import { withConfigFile } from './settings.ts';

const CACHE_DIR = '/var/cache/ingot';

interface Options extends EngineOptions {
  kubeconfig?: string;
  namespace: string;
  address: string[];
}

/** `ingot operator`: the engine on a cluster's API. */
export function operatorCommand(): Command {
  const command = new Command('operator')
    .description(
      'Run Ingot on a Kubernetes cluster: state is in custom resources, one replica leads. Ends with Ctrl-C.',
    )
    .option('--kubeconfig <file>', 'default: KUBECONFIG, ~/.kube/config, then the pod’s service account')
    .option('--namespace <name>', 'where its Lease and its Secret are', 'ingot-system')
    .option('--address <ip>', 'another address machines reach this process by; may be repeated', collect, [])
    .option('--data <dir>', 'folder for converted images, leases and agent logs; may be lost', CACHE_DIR);
  return addEngineOptions(command)
    .addHelpText(
      'after',
      `
Install the resource types and the roles first:
  kubectl apply --server-side -f crds/ -f crds/install/`,
    )
    .action(run);
}

async function run(flags: Options, command: Command): Promise<void> {
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.once(signal, () => stop.abort(new Error(signal)));
  try {
    const options = await withConfigFile(flags, command);
    const log = pinoLogger(options.logLevel);
    const { kubeconfig, namespace, address } = options;
    const config = { ...engineConfig(options), kubeconfig, namespace, addresses: address };
    if (!(await agreedToDhcp(options, config))) return;
    await runOperator(config, {
      clock: systemClock,
      random: Math.random,
      log,
      signal: stop.signal,
      onReady: (engine) => announce(options, engine),
    });
    // A lost Lease ends the process too, so that its supervisor starts it afresh.
    if (!stop.signal.aborted) process.exitCode = 1;
  } catch (error) {
    fail(error, flags.json);
  }
}

function announce(options: Options, { httpPort, agentPort }: Engine): void {
  const { namespace } = options;
  if (options.json === true)
    process.stdout.write(`${JSON.stringify({ ready: true, namespace, httpPort, agentPort })}\n`);
  else process.stdout.write(`ready: leading, boot files on port ${httpPort}, agents on port ${agentPort}\n`);
}

function collect(value: string, before: string[]): string[] {
  return [...before, value];
}
