import { Command, Option } from 'commander';
import { type ObjectKey, keyText } from '../api/meta.ts';
import { AgentLogs } from '../server/agent-logs.ts';
import { ConsoleLogs } from '../server/console-logs.ts';
import { join } from 'node:path';
import { DEFAULT_DATA_DIR } from './up.ts';
import { EXIT } from './fail.ts';
import { hostName } from './host-name.ts';

interface Options {
  namespace: string;
  data: string;
  console?: boolean;
  json?: boolean;
}

const RECORD_HINT = 'that is done with `ingot up --record-console` or the annotation ingot.dev/record-console';

function read(key: ObjectKey, options: Options): Promise<string> {
  if (options.console !== true) return new AgentLogs(join(options.data, 'logs')).read(key);
  return new ConsoleLogs(join(options.data, 'consoles')).read(key);
}

/** `ingot logs HOST`: what the agent on a host's ramdisk logged, also of boots that are over. */
export function logsCommand(): Command {
  return new Command('logs')
    .description('Show what the agent in a host’s ramdisk logged, oldest first. Reads the data folder of `ingot up`.')
    .argument('<host>', 'name of the BareMetalHost, or NAMESPACE/NAME')
    .option('-n, --namespace <name>', 'its namespace', 'default')
    .addOption(new Option('--data <dir>', 'data folder of ingot up').default(DEFAULT_DATA_DIR))
    .option('--console', 'what the serial console printed at the last boot instead, if it was recorded')
    .option('--json', 'print {host, lines}')
    .action(async (text: string, options: Options) => {
      const key = hostName(text, options.namespace);
      const log = await read(key, options);
      if (options.json === true) {
        const lines = log.split('\n').filter((l) => l !== '');
        process.stdout.write(`${JSON.stringify({ host: keyText(key), lines })}\n`);
        return;
      }
      if (log === '') {
        const nothing =
          options.console === true
            ? `no console of ${keyText(key)} was recorded in ${options.data}: ${RECORD_HINT}`
            : `no agent of ${keyText(key)} has logged anything in ${options.data}`;
        process.stderr.write(`${nothing}\n`);
        process.exitCode = EXIT.failed;
      }
      process.stdout.write(log);
    });
}
