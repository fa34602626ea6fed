import { Command, Option } from 'commander';
import { type ObjectKey, keyText } from '../api/meta.ts';
import { AgentLogs } from '../server/agent-logs.ts';
import { ConsoleLogs, OLDER_CONSOLES } from '../server/console-logs.ts';
import { join } from 'node:path';
import { DATA_HELP, dataFolder } from './data-folder.ts';
import { EXIT } from './fail.ts';
import { hostName } from './host-name.ts';
import { wholeNumber } from './whole-number.ts';

interface Options {
  namespace: string;
  data?: string;
  console?: boolean;
  previous?: number;
  json?: boolean;
}

const recordHint = ({ namespace, name }: ObjectKey) =>
  `\`kubectl annotate -n ${namespace} bmh ${name} ingot.dev/record-console=true\` asks for it, \`ingot up --record-console\` for all hosts`;

function read(key: ObjectKey, dir: string, options: Options): Promise<string> {
  if (options.console !== true) return new AgentLogs(join(dir, 'logs')).read(key);
  return new ConsoleLogs(join(dir, 'consoles')).read(key, options.previous ?? 0);
}

/** `ingot logs HOST`: what the agent on a host's ramdisk logged, also of boots that are over. */
export function logsCommand(): Command {
  return new Command('logs')
    .description('Show what the agent in a host’s ramdisk logged, oldest first. Reads the data folder of `ingot up`.')
    .argument('<host>', 'name of the BareMetalHost, or NAMESPACE/NAME')
    .option('-n, --namespace <name>', 'its namespace', 'default')
    .option('--data <dir>', DATA_HELP)
    .option('--console', 'what the serial console printed at the newest boot instead, if it was recorded')
    .addOption(
      new Option('--previous [n]', `with --console: the boot before; 2: the one before that, up to ${OLDER_CONSOLES}`)
        .preset('1')
        .argParser(wholeNumber(1, OLDER_CONSOLES)),
    )
    .option('--json', 'print {host, lines}')
    .action(async (text: string, options: Options) => {
      const key = hostName(text, options.namespace);
      const dir = dataFolder(options.data);
      const log = await read(key, dir, options);
      if (options.json === true) {
        const lines = log.split('\n').filter((l) => l !== '');
        process.stdout.write(`${JSON.stringify({ host: keyText(key), lines })}\n`);
        return;
      }
      if (log === '') {
        const nothing =
          options.console === true
            ? `no console of ${keyText(key)}${options.previous === undefined ? '' : ' so long ago'} was recorded in ${dir}; ${recordHint(key)}`
            : `no agent of ${keyText(key)} has logged anything in ${dir}`;
        process.stderr.write(`${nothing}\n`);
        process.exitCode = EXIT.failed;
      }
      process.stdout.write(log);
    });
}
