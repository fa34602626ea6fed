import { Command, Option } from 'commander';
import { keyText } from '../api/meta.ts';
import { AgentLogs } from '../server/agent-logs.ts';
import { join } from 'node:path';
import { DEFAULT_DATA_DIR } from './up.ts';
import { EXIT } from './fail.ts';
import { hostName } from './host-name.ts';

/** `ingot logs HOST`: what the agent on a host's ramdisk logged, also of boots that are over. */
export function logsCommand(): Command {
  return new Command('logs')
    .description('Show what the agent in a host’s ramdisk logged, oldest first. Reads the data folder of `ingot up`.')
    .argument('<host>', 'name of the BareMetalHost, or NAMESPACE/NAME')
    .option('-n, --namespace <name>', 'its namespace', 'default')
    .addOption(new Option('--data <dir>', 'data folder of ingot up').default(DEFAULT_DATA_DIR))
    .option('--json', 'print {host, lines}')
    .action(async (text: string, options: { namespace: string; data: string; json?: boolean }) => {
      const key = hostName(text, options.namespace);
      const log = await new AgentLogs(join(options.data, 'logs')).read(key);
      if (options.json === true) {
        const lines = log.split('\n').filter((l) => l !== '');
        process.stdout.write(`${JSON.stringify({ host: keyText(key), lines })}\n`);
        return;
      }
      if (log === '') {
        process.stderr.write(`no agent of ${keyText(key)} has logged anything in ${options.data}\n`);
        process.exitCode = EXIT.failed;
      }
      process.stdout.write(log);
    });
}
